//! Clients of HTTP/1.

use std::thread;
use std::time::{Duration, Instant};

use crate::http::{Client, request};
use crate::process::{LOOK, PATIENCE, Process, rest};
use crate::{Context, Done, Seen, memory};

/// What a stalled stream may cost beside the guest's own memory.
pub(crate) const STREAM: u64 = 2_000_000;
/// What as many of them may cost together as there are instances by default.
pub(crate) const STREAMS: u64 = 64_000_000;
pub(crate) const INSTANCES: u32 = 256;

/// A server of 16 MiB an instance, and what it has in memory while it streams to clients that read.
fn streaming(context: &Context) -> Done<(Process, u64)> {
    streaming_of(context, "hostile")
}

fn streaming_of(context: &Context, guest: &str) -> Done<(Process, u64)> {
    let server = context.serve(guest).args(["--memory", "16MiB"]).start()?;
    let ordinary = || server.get("/stream?n=300000").map(drop);
    let baseline = memory::ordinary(server.id(), ordinary)?;
    Ok((server, baseline))
}

pub(crate) fn unread_response(context: &Context) -> Done<Seen> {
    unread_response_of(context, "hostile")
}

pub(crate) fn unread_response_of(context: &Context, guest: &str) -> Done<Seen> {
    let (server, baseline) = streaming_of(context, guest)?;
    let ask = || Client::asks(server.address(), request("/stream?n=4000000000"), PATIENCE);
    let (seen, client) = memory::stalled_growth(server.id(), baseline, STREAM, ask)?;
    client?;
    Ok(Seen::memory(STREAM, seen))
}

pub(crate) fn rate_limited_reader(context: &Context) -> Done<Seen> {
    let (server, baseline) = streaming(context)?;
    let end = Instant::now() + context.effort(Duration::from_secs(2), Duration::from_secs(20));
    let (seen, read) = memory::growth_from(server.id(), baseline, STREAM, || -> Done<usize> {
        let ask = request("/stream?n=4000000000");
        let mut client = Client::asks(server.address(), ask, PATIENCE)?;
        let mut buffer = [0; 4096];
        let mut read = 0;
        while Instant::now() < end {
            read += client.read_some(&mut buffer)?;
            rest(LOOK);
        }
        Ok(read)
    })?;
    let seen = Seen::memory(STREAM, seen);
    // One that grew too large was killed.
    if seen.held && read? == 0 {
        return Err("nothing was streamed".into());
    }
    Ok(seen)
}

pub(crate) fn pipelined_requests_without_reading(context: &Context) -> Done<Seen> {
    let (server, baseline) = streaming(context)?;
    let requests = request("/stream?n=16000000").repeat(60);
    let ask = || Client::asks(server.address(), &requests, PATIENCE);
    let (seen, client) = memory::stalled_growth(server.id(), baseline, STREAM, ask)?;
    client?;
    Ok(Seen::memory(STREAM, seen))
}

/// Lets as many streams stall as there are instances, and answers how far the program grew beside
/// one in which as many guests only wait: beside the guests' own memory, that is.
pub(crate) fn stalled_together<T: Send>(
    context: &Context,
    stall: impl FnOnce(&Process) -> Done<T> + Send,
) -> Done<Seen> {
    let instances = INSTANCES.to_string();
    let arguments = ["--instances", &instances, "--memory", "16MiB"];
    let starting = context.serve("hostile").args(arguments);
    let server = starting.start()?;
    server.get("/hello")?;
    let idle = memory::baseline(server.id())?;
    // All of them run once they have begun to answer.
    let wait = || -> Done<Vec<Client>> {
        let mut clients = ask_in_every_instance(&server, "/hold")?;
        for client in &mut clients {
            client.read_some(&mut [0])?;
        }
        Ok(clients)
    };
    let (guests, waiting) = memory::stalled_growth(server.id(), idle, STREAMS, wait)?;
    waiting?;
    let server = starting.start()?;
    server.get("/hello")?;
    let baseline = memory::baseline(server.id())? + guests;
    let stall = || stall(&server);
    let (seen, stalled) = memory::stalled_growth(server.id(), baseline, STREAMS, stall)?;
    stalled?;
    Ok(Seen::memory(STREAMS, seen))
}

/// As many clients as there are instances, which ask and read nothing.
fn ask_in_every_instance(server: &Process, path: &str) -> Done<Vec<Client>> {
    let ask = request(path);
    let clients = (0..INSTANCES).map(|_| Client::asks(server.address(), &ask, PATIENCE));
    clients.collect()
}

pub(crate) fn unread_responses_together(context: &Context) -> Done<Seen> {
    stalled_together(context, |server| {
        ask_in_every_instance(server, "/stream?n=100000000")
    })
}

pub(crate) fn unread_responses_in_every_instance(context: &Context) -> Done<Seen> {
    let arguments = ["--instances", "4", "--timeout", "2s"];
    let server = context.serve("hostile").args(arguments).start()?;
    server.get("/hello")?;
    let ask = request("/stream?n=4000000000");
    let clients = (0..4).map(|_| Client::asks(server.address(), &ask, PATIENCE));
    let mut clients: Vec<Client> = clients.collect::<Done<_>>()?;
    for client in &mut clients {
        // It runs from now on.
        client.read_some(&mut [0])?;
    }
    let bound = Duration::from_secs(5);
    let seen = server.answers("/hello", 4 * bound);
    Ok(Seen::time("another client is answered", bound, seen))
}

pub(crate) fn refused_requests(context: &Context) -> Done<Seen> {
    let server = context.serve("hostile").start()?;
    let long = "x".repeat(100_000);
    let header = format!("x-header: {}\r\n", "x".repeat(1000));
    let cases = [
        ("nonsense", "nonsense\r\n\r\n".to_owned(), 400),
        (
            "two lengths",
            "POST /hello HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"
                .to_owned(),
            400,
        ),
        ("a long target", request(&format!("/{long}")), 414),
        (
            "many headers",
            format!(
                "GET /hello HTTP/1.1\r\nhost: x\r\n{}\r\n",
                "a: b\r\n".repeat(1000)
            ),
            431,
        ),
        (
            "large headers",
            format!(
                "GET /hello HTTP/1.1\r\nhost: x\r\n{}\r\n",
                header.repeat(1000)
            ),
            431,
        ),
    ];
    let mut faults = Vec::new();
    for (what, text, status) in &cases {
        // Alone, and behind a request that is answered.
        for (before, place) in [("", "alone"), (&*request("/hello"), "behind another")] {
            let mut client = Client::connect(server.address(), Duration::from_secs(10))?;
            // The server may close before it has read everything.
            let sent = client.send(format!("{before}{text}"));
            if !before.is_empty() {
                let first = client.response().map(|response| response.status);
                if !matches!(first, Ok(200)) {
                    faults.push(format!("{what}, {place}: the first had {first:?}"));
                    continue;
                }
            }
            match client.response() {
                Ok(response) if response.status == *status => {}
                Ok(response) => {
                    faults.push(format!("{what}, {place}: {} not {status}", response.status));
                }
                Err(error) => faults.push(format!("{what}, {place}: {error} ({sent:?})")),
            }
        }
    }
    Ok(Seen::faults(
        "400, 414 or 431 arrives",
        2 * cases.len(),
        &faults,
    ))
}

pub(crate) fn bytes_behind_a_request(context: &Context) -> Done<Seen> {
    let server = context.serve("hostile").start()?;
    let cases = ["X", "\r\n", "XX", "GET", "\0\0", "nonsense\r\n\r\n"];
    let mut faults = Vec::new();
    for behind in cases {
        let ask = request("/hello") + behind;
        let mut client = Client::asks(server.address(), ask, Duration::from_secs(10))?;
        match client.response() {
            Ok(response) if response.status == 200 && response.text() == "hello" => {}
            other => faults.push(format!("{behind:?}: {other:?}")),
        }
    }
    Ok(Seen::faults(
        "the request is answered",
        cases.len(),
        &faults,
    ))
}

/// How long the server bears clients that say little; the longest.
pub(crate) fn silent_clients(context: &Context) -> Done<Seen> {
    let server = context.serve("hostile").start()?;
    let bound = Duration::from_secs(35);
    let began = Instant::now();
    let drips = ["GET /hello HTTP/1.1\r\nhost: x\r\nx: ", ""];
    let mut all: Vec<(Client, bool)> = Vec::new();
    for start in ["", "G", "P", "PRI * HT", drips[0]] {
        let client = Client::asks(server.address(), start, LOOK)?;
        all.push((client, start == drips[0]));
    }
    let ended = Process::until(bound + Duration::from_secs(5), || {
        all.retain_mut(|(client, drips)| {
            if *drips && client.send("x").is_err() {
                return false;
            }
            !client.is_closed()
        });
        all.is_empty()
    });
    let seen = ended.then(|| began.elapsed());
    Ok(Seen::time("all are gone", bound, seen))
}

/// A body that the guest does not read.
pub(crate) fn unread_request_body(context: &Context) -> Done<Seen> {
    let (server, baseline) = streaming(context)?;
    let (seen, sent) = memory::growth_from(server.id(), baseline, STREAM, || -> Done<bool> {
        let ask = "POST /sleep HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n";
        let mut client = Client::asks(server.address(), ask, Duration::from_secs(1))?;
        let block = vec![b'x'; 1 << 20];
        Ok((0..1000).all(|_| client.send(&block).is_ok()))
    })?;
    let seen = Seen::memory(STREAM, seen);
    let faults: Vec<String> = sent?.then(|| "all was taken".into()).into_iter().collect();
    Ok(seen.and(Seen::faults("it is held up", 1, &faults)))
}

pub(crate) fn slow_request_body(context: &Context) -> Done<Seen> {
    let arguments = ["--instances", "1", "--timeout", "1s"];
    let server = context.serve("mischief").args(arguments).start()?;
    server.get("/get?key=k")?;
    let ask = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\na";
    let mut client = Client::asks(server.address(), ask, PATIENCE)?;
    // It runs from now on.
    client.read_some(&mut [0])?;
    let bound = Duration::from_secs(3);
    let began = Instant::now();
    thread::scope(|scope| {
        let seen = scope.spawn(|| server.answers("/get?key=k", 4 * bound));
        while !seen.is_finished() {
            // It fails once the server has given up.
            drop(client.send("a"));
            rest(5 * LOOK);
            if began.elapsed() > 5 * bound {
                break;
            }
        }
        let seen = seen.join().map_err(|_| "a client panicked")?;
        Ok(Seen::time("another client is answered", bound, seen))
    })
}

/// What an answer has to be.
enum Fit {
    /// 400.
    Refused,
    /// A status that says that it was not executed.
    NotExecuted,
    Hello,
    /// The guest does not see `https`, or there is none that sees it.
    NotHttps,
}

// === impl Fit ===

impl Fit {
    fn fits(&self, status: u16, text: &str) -> bool {
        match self {
            Self::Refused => status == 400,
            Self::NotExecuted => (400..=501).contains(&status) && status != 500,
            Self::Hello => status == 200 && text == "hello",
            Self::NotHttps => status == 400 || status == 421 || text.starts_with("http "),
        }
    }
}

pub(crate) fn hosts_and_targets(context: &Context) -> Done<Seen> {
    let server = context.serve("hostile").start()?;
    let cases = [
        (
            "two hosts",
            "GET /hello HTTP/1.1",
            "host: x\r\nhost: y\r\n",
            Fit::Refused,
        ),
        (
            "a host twice",
            "GET /hello HTTP/1.1",
            "host: x\r\nhost: x\r\n",
            Fit::Refused,
        ),
        (
            "a host with a path",
            "GET /hello HTTP/1.1",
            "host: x/y\r\n",
            Fit::Refused,
        ),
        (
            "a host with a user",
            "GET /hello HTTP/1.1",
            "host: a@b\r\n",
            Fit::Refused,
        ),
        (
            "a host with a blank",
            "GET /hello HTTP/1.1",
            "host: a b\r\n",
            Fit::Refused,
        ),
        (
            "a port that is none",
            "GET /hello HTTP/1.1",
            "host: x:99999\r\n",
            Fit::Refused,
        ),
        (
            "no host in HTTP/1.1",
            "GET /hello HTTP/1.1",
            "",
            Fit::Refused,
        ),
        ("no host in HTTP/1.0", "GET /hello HTTP/1.0", "", Fit::Hello),
        (
            "CONNECT",
            "CONNECT x:443 HTTP/1.1",
            "host: x:443\r\n",
            Fit::NotExecuted,
        ),
        (
            "CONNECT of a path",
            "CONNECT /hello HTTP/1.1",
            "host: x\r\n",
            Fit::NotExecuted,
        ),
        (
            "https in clear text",
            "GET https://x/request HTTP/1.1",
            "host: x\r\n",
            Fit::NotHttps,
        ),
    ];
    let mut faults = Vec::new();
    for (what, line, host, fit) in &cases {
        let text = format!("{line}\r\n{host}connection: close\r\n\r\n");
        let mut client = Client::asks(server.address(), text, Duration::from_secs(10))?;
        match client.response() {
            Ok(response) if fit.fits(response.status, &response.text()) => {}
            Ok(response) => {
                let (status, text) = (response.status, response.text());
                faults.push(format!("{what}: {status} {text:?}"));
            }
            Err(error) => faults.push(format!("{what}: {error}")),
        }
    }
    Ok(Seen::faults(
        "400, or served as it should",
        cases.len(),
        &faults,
    ))
}

pub(crate) fn connection_flood(context: &Context) -> Done<Seen> {
    let starting = context.serve("hostile").behind("ulimit -n 128");
    let server = starting.start()?;
    server.get("/hello")?;
    let mut flood = Vec::new();
    // Half of them idle behind a request, the other half silent.
    for n in 0..400 {
        let mut client = Client::connect(server.address(), Duration::from_millis(100))?;
        if n % 2 == 0 {
            drop(client.send(request("/hello")));
            drop(client.response());
        }
        flood.push(client);
    }
    let bound = Duration::from_secs(2);
    let seen = server.answers("/hello", 10 * bound);
    let seen = Seen::time("another client is answered", bound, seen);
    drop(flood);
    let lines = server.logged().lines().count();
    let many: Vec<String> = (lines > 5)
        .then(|| format!("{lines} lines"))
        .into_iter()
        .collect();
    Ok(seen.and(Seen::faults("a few lines of log", 1, &many)))
}
