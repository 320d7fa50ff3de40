//! Servers that misbehave, and what other clients put into them. Each attack starts a Redis.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use keywell_servers::Redis;
use tokio::runtime::Runtime;

use crate::clients::STREAM;
use crate::components::{INSTANCE, MEMORY, VALUE};
use crate::process::{PATIENCE, Process, ended, rest};
use crate::{Context, Done, Seen, memory};

/// A Redis, and what runs its client.
struct Server {
    redis: Redis,
    runtime: Runtime,
}

// === impl Server ===

impl Server {
    fn start(lines: &[&str]) -> Done<Self> {
        let runtime = Runtime::new()?;
        let mut builder = Redis::builder();
        for line in lines {
            builder = builder.config(*line);
        }
        let redis = runtime.block_on(builder.start())?;
        Ok(Self { redis, runtime })
    }

    fn command(&self, words: &[&str]) -> Done {
        self.runtime.block_on(self.redis.command(words))?;
        Ok(())
    }

    /// By the command line client, as people do.
    fn cli(&self, words: &[&str]) -> Done<String> {
        Ok(self.runtime.block_on(self.redis.cli(words))?)
    }

    /// Feeds commands to the command line client.
    fn pipe(&self, commands: &[u8]) -> Done {
        let tool = keywell_servers::program::tool(&keywell_servers::program::server()?, "cli")?;
        let mut cli = Command::new(tool);
        cli.args(["-p", &self.redis.addr().port().to_string(), "--pipe"]);
        let mut cli = cli.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        let mut stdin = cli.stdin.take().ok_or("standard input is piped")?;
        stdin.write_all(commands)?;
        drop(stdin);
        if cli.wait()?.success() {
            return Ok(());
        }
        Err("the command line client failed".into())
    }
}

/// A command as Redis reads it.
fn resp(words: &[&[u8]]) -> Vec<u8> {
    let mut command = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        command.extend(format!("${}\r\n", word.len()).bytes());
        command.extend(*word);
        command.extend(b"\r\n");
    }
    command
}

/// A guest of 64 MiB on a Redis, which has time for what it is asked.
fn serve(context: &Context, redis: &Server) -> Done<Process> {
    let store = format!("{}?answer-timeout=15s", redis.redis.url());
    let arguments = ["--memory", MEMORY, "--timeout", "20s"];
    let server = context
        .serve("hostile")
        .args(arguments)
        .store(store)
        .start()?;
    server.get("/hello")?;
    Ok(server)
}

/// Lets a guest attack its host and its store, and answers how far both grew.
fn attack(server: &Process, redis: &Server, path: &str) -> Done<Seen> {
    // A store reads no more for an instance than the host may hold for it; a Redis grows by a few
    // megabytes more of its own.
    let of_redis = INSTANCE / 2 + 2 * STREAM;
    let pid = redis.redis.pid()?;
    let (inside, grown) = memory::growth(pid, of_redis, || {
        memory::growth(server.id(), INSTANCE, || drop(server.get(path)))
    })?;
    let (outside, ()) = grown?;
    Ok(Seen::memory(INSTANCE, outside).and(Seen::memory(of_redis, inside).of("Redis")))
}

pub(crate) fn many_reads_of_one_value(context: &Context) -> Done<Seen> {
    let redis = Server::start(&[])?;
    let server = serve(context, &redis)?;
    server.get(&format!("/set?key=big&n={VALUE}"))?;
    attack(&server, &redis, "/get-many?key=big&n=100")
}

pub(crate) fn many_reads_of_many_values(context: &Context) -> Done<Seen> {
    let redis = Server::start(&[])?;
    let server = serve(context, &redis)?;
    for n in 0..30 {
        server.get(&format!("/set?key=big-{n}&n={VALUE}"))?;
    }
    attack(&server, &redis, "/get-each?n=30")
}

pub(crate) fn snapshots_of_values(context: &Context) -> Done<Seen> {
    let redis = Server::start(&[])?;
    let server = serve(context, &redis)?;
    server.get(&format!("/cas?n=1&size={VALUE}"))?;
    attack(&server, &redis, &format!("/cas?n=40&size={VALUE}"))
}

/// A way to a server that carries some 60 MB a second of its answers.
fn narrow(server: SocketAddr) -> Done<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || -> Done {
        for client in listener.incoming() {
            let client = client?;
            let server = TcpStream::connect(server)?;
            let (mut commands, mut into) = (client.try_clone()?, server.try_clone()?);
            thread::spawn(move || {
                drop(std::io::copy(&mut commands, &mut into));
                drop(into.shutdown(Shutdown::Write));
            });
            let (mut answers, mut into) = (server, client);
            thread::spawn(move || -> Done {
                let mut buffer = vec![0; 256 << 10];
                while let length @ 1.. = answers.read(&mut buffer)? {
                    into.write_all(&buffer[..length])?;
                    rest(Duration::from_micros(length as u64 / 60));
                }
                Ok(into.shutdown(Shutdown::Both)?)
            });
        }
        Ok(())
    });
    Ok(address)
}

/// An export with the time-outs that there are by default, over a connection that takes longer than
/// one of them for all values together, and a part of it for one.
pub(crate) fn export_of_large_values(context: &Context) -> Done<Seen> {
    let redis = Server::start(&[])?;
    let value = vec![b'x'; usize::try_from(VALUE)?];
    for n in 0..12 {
        let key = format!("default:{n}");
        redis.pipe(&resp(&[b"SET", key.as_bytes(), &value]))?;
    }
    let address = narrow(redis.redis.addr())?;
    let mut keywell = context.keywell();
    keywell.args(["kv", "export", "--store", &format!("redis://{address}")]);
    let began = Instant::now();
    let ended = ended(&mut keywell, 2 * PATIENCE)?;
    let (lines, code) = (ended.printed.lines().count(), ended.code());
    let is_whole = code == Some(0) && lines >= 12;
    let faults = (!is_whole).then(|| format!("{lines} lines, exit {code:?}: {}", ended.logged));
    let faults: Vec<String> = faults.into_iter().collect();
    let bound = Duration::from_mins(1);
    let time = Seen::time("it ends", bound, is_whole.then(|| began.elapsed()));
    Ok(Seen::faults("12 values of 16 MiB are exported", 1, &faults).and(time))
}

/// Keys as clients of other kinds write them.
pub(crate) fn keys_of_hostile_names(context: &Context) -> Done<Seen> {
    let redis = Server::start(&[])?;
    let long = vec![b'k'; 1 << 20];
    let names: [&[u8]; 9] = [
        b"*",
        b"[a-z]*",
        b"\xff\xfe",
        b"a\0b",
        b"a\r\n*1\r\n$8\r\nFLUSHALL\r\n",
        b"{tag}",
        b" ",
        b"\x1b[2J",
        b"a:b",
    ];
    let mut commands = Vec::new();
    for name in names {
        let key = [b"default:", name].concat();
        commands.extend(resp(&[b"SET", &key, b"named"]));
    }
    commands.extend(resp(&[b"SET", &[b"default:", &long[..]].concat(), b"long"]));
    commands.extend(resp(&[b"HSET", b"default:hash", b"f", b"v"]));
    commands.extend(resp(&[b"SET", b"default:plain", b"plain"]));
    redis.pipe(&commands)?;
    let url = redis.redis.url();
    let kv = |arguments: &[&str]| {
        let mut command = context.keywell();
        command.arg("kv").args(arguments).args(["--store", &url]);
        ended(&mut command, PATIENCE)
    };
    let mut faults = Vec::new();
    let listed = kv(&["list"])?;
    if listed.code() != Some(0) || !listed.printed.contains("plain") {
        faults.push(format!("list: {:?} {}", listed.code(), listed.logged));
    }
    // Each name is itself, and no pattern.
    for name in [
        "*",
        "[a-z]*",
        "{tag}",
        " ",
        "a:b",
        "a\r\n*1\r\n$8\r\nFLUSHALL\r\n",
    ] {
        let got = kv(&["get", name])?;
        if got.printed.trim_end() != "named" {
            faults.push(format!("get {name:?}: {:?}", got.printed));
        }
        kv(&["delete", name])?;
    }
    if kv(&["get", "plain"])?.printed.trim_end() != "plain" {
        faults.push("another key is gone".to_owned());
    }
    Ok(Seen::faults("each is itself", 8, &faults))
}

/// Keywell's own records, beside keys of others without a prefix.
pub(crate) fn records_of_the_host(context: &Context) -> Done<Seen> {
    let redis = Server::start(&[])?;
    let mut faults = Vec::new();
    let mut tried = 0;
    for prefix in ["", "shop:"] {
        let store = format!("{}/0?prefix={prefix}", redis.redis.url());
        let server = context.serve("hostile").store(store).start()?;
        for name in ["keywell-triggers:own", "keywell-deadletters:own"] {
            tried += 1;
            let key = format!("{prefix}{name}");
            redis.cli(&["SET", &key, "own"])?;
            let read = server.get(&format!("/get-many?key={name}&n=1"))?.text();
            if read == "made 1" {
                faults.push(format!("{key} can be read"));
            }
            let set = server.get(&format!("/set?key={name}&n=1"))?.text();
            let is_there = redis.cli(&["GET", &key])?.trim() == "own";
            if set == "set" || !is_there {
                faults.push(format!("{key} can be written"));
            }
        }
    }
    Ok(Seen::faults(
        "no guest reads or writes them",
        tried,
        &faults,
    ))
}

pub(crate) fn frozen_server(context: &Context) -> Done<Seen> {
    let redis = Server::start(&[])?;
    let arguments = ["--timeout", "10s"];
    let starting = context.serve("hostile").args(arguments);
    let server = starting.store(redis.redis.url()).start()?;
    server.get("/set?key=k&n=10")?;
    redis.redis.freeze()?;
    let bound = Duration::from_secs(12);
    let began = Instant::now();
    let answered = thread::scope(|scope| {
        let calls: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| server.get("/get-many?key=k&n=1").is_ok()))
            .collect();
        // What needs no store is answered meanwhile.
        let other = server.answers("/hello", bound);
        let all = calls
            .into_iter()
            .all(|call| call.join().is_ok_and(|is_ok| is_ok));
        (all, other)
    });
    let (all, other) = answered;
    let seen = all.then(|| began.elapsed());
    let seen = Seen::time("every call is answered", bound, seen);
    let seen = seen.and(Seen::time("others", Duration::from_secs(1), other));
    redis.redis.thaw()?;
    let is_back = Process::until(Duration::from_secs(10), || {
        server
            .get("/get-many?key=k&n=1")
            .is_ok_and(|answer| answer.text() == "made 1")
    });
    let faults: Vec<String> = (!is_back)
        .then(|| "it is not".to_owned())
        .into_iter()
        .collect();
    Ok(seen.and(Seen::faults("the store is used again", 1, &faults)))
}

/// A server whose clients' request lines are received.
fn alerts() -> Done<(String, Receiver<String>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let (sender, received) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            thread::spawn(move || -> Done {
                let mut reader = BufReader::new(stream);
                loop {
                    let (mut first, mut line) = (String::new(), String::new());
                    if reader.read_line(&mut first)? == 0 {
                        return Ok(());
                    }
                    while line != "\r\n" {
                        line.clear();
                        if reader.read_line(&mut line)? == 0 {
                            return Ok(());
                        }
                    }
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                    reader.get_mut().write_all(answer)?;
                    sender.send(first)?;
                }
            });
        }
    });
    Ok((address, received))
}

/// The watcher of the examples on a store, for every change of every key.
fn watcher(context: &Context, store: &str, changes: &str, alerts: &str) -> Done<Process> {
    let mut keywell = context.keywell();
    keywell
        .arg("serve")
        .arg(crate::context::guest("http_watcher")?);
    keywell.args(["--store", store, "--watch", changes]);
    keywell.args(["--allow-http", alerts]);
    let url = format!("ALERT_URL=http://{alerts}/alert?{{key}}={{value}}");
    keywell.args(["--env", &url]);
    Process::start(&mut keywell, 1, false)
}

pub(crate) fn bare_keys_of_others(context: &Context) -> Done<Seen> {
    let redis = Server::start(&["notify-keyspace-events AKE"])?;
    let (address, received) = alerts()?;
    let mut faults = Vec::new();
    let layouts = ["?prefix=", "?layout=flat", "?prefix=shop:"];
    for layout in layouts {
        let store = format!("{}/0{layout}", redis.redis.url());
        let bare = if layout == "?prefix=shop:" {
            "shop:key"
        } else {
            "key"
        };
        let watcher = match watcher(context, &store, "SET@key,DEL@key", &address) {
            Ok(watcher) => watcher,
            Err(error) => {
                faults.push(format!("{layout}: {error}"));
                continue;
            }
        };
        redis.cli(&["SET", bare, "1"])?;
        match received.recv_timeout(Duration::from_secs(10)) {
            Ok(line) if line.contains("/alert?key=1") => {}
            other => faults.push(format!("{layout}: {other:?}")),
        }
        drop(watcher);
        redis.command(&["FLUSHALL"])?;
        while received.try_recv().is_ok() {}
    }
    Ok(Seen::faults(
        "a bare key is an alert",
        layouts.len(),
        &faults,
    ))
}

/// A `kv watch` whose output is not read, while more is set than it keeps.
pub(crate) fn unread_watch(context: &Context) -> Done<Seen> {
    let redis = Server::start(&["notify-keyspace-events AKE"])?;
    let value = vec![b'x'; 60_000];
    let mut commands = Vec::new();
    for n in 0..2000 {
        let key = format!("default:{n}").into_bytes();
        commands.extend(resp(&[b"SET", &key, &value]));
    }
    // So that the server does not grow by what is set again.
    redis.pipe(&commands)?;
    redis.pipe(&commands)?;
    let mut keywell = context.keywell();
    keywell.args(["kv", "watch", "--store", &redis.redis.url()]);
    let process = Process::start(&mut keywell, 0, true)?;
    let is_watching = Process::until(PATIENCE, || {
        let list = redis.cli(&["CLIENT", "LIST"]);
        list.is_ok_and(|list| list.lines().any(|client| client.contains("sub=1")))
    });
    if !is_watching {
        return Err(format!("the watch does not begin: {}", process.logged()).into());
    }
    // Its queue has 64 MiB, 16 MiB more for keys whose values have no room, and the largest value
    // that is read at a time has 16 MiB.
    let (bound, of_redis) = (96 << 20, 32 << 20);
    let rounds = context.effort(2, 20);
    let (inside, grown) = memory::growth(redis.redis.pid()?, of_redis, || {
        let baseline = memory::baseline(process.id())?;
        memory::stalled_growth(process.id(), baseline, bound, || {
            (0..rounds).try_for_each(|_| redis.pipe(&commands))
        })
    })?;
    let (outside, done) = grown?;
    done?;
    Ok(Seen::memory(bound, outside).and(Seen::memory(of_redis, inside).of("Redis")))
}

/// Events that the server's owner switches off while they are watched.
pub(crate) fn notifications_switched_off(context: &Context) -> Done<Seen> {
    let redis = Server::start(&["notify-keyspace-events AKE"])?;
    let (address, received) = alerts()?;
    let watcher = watcher(context, &redis.redis.url(), "SET@*", &address)?;
    redis.cli(&["SET", "default:first", "1"])?;
    received.recv_timeout(PATIENCE)?;
    redis.command(&["CONFIG", "SET", "notify-keyspace-events", ""])?;
    let began = Instant::now();
    let bound = Duration::from_secs(61);
    let is_seen = Process::until(bound, || {
        watcher.logged().contains("notify-keyspace-events")
    });
    Ok(Seen::time(
        "a warning",
        bound,
        is_seen.then(|| began.elapsed()),
    ))
}
