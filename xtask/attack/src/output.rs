//! Output: of components, and of the program about what others gave it.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::context::{guest, scratch};
use crate::process::{PATIENCE, Process, ended};
use crate::terminal::{controls, on_terminal};
use crate::{Context, Done, Seen, memory};

/// What a terminal would obey: a title, a cleared screen, a report, a C1 control, a carriage return.
const ESCAPES: &str = "%1b%5d0;owned%07%1b%5b2J%1b%5b6n%c2%9b31m%0dforged%08";

/// How a pipe that is not read holds up the others, and the end of the process.
pub(crate) fn unread_pipe(context: &Context) -> Done<Seen> {
    let bound = Duration::from_secs(5);
    let arguments = ["--timeout", "3s"];
    let mut server = context.serve("hostile").args(arguments).unread().start()?;
    server.get("/hello")?;
    let flood = crate::http::request("/flood?n=1000000");
    let address = server.address().to_owned();
    let mut flooding = Vec::new();
    for _ in 0..8 {
        flooding.push(crate::http::Client::asks(&address, &flood, bound)?);
    }
    // Once the floods are answered, or have been ended, or cannot be.
    for client in &mut flooding {
        let end = Instant::now() + bound;
        drop(client.response());
        if Instant::now() > end {
            break;
        }
    }
    let answered = server.answers("/hello", 2 * bound);
    let answered = Seen::time("another client is answered", bound, answered);
    let began = Instant::now();
    server.signal(Signal::TERM)?;
    let seen = server.ends(4 * bound).map(|_| began.elapsed());
    Ok(answered.and(Seen::time("it ends at a signal", bound, seen)))
}

/// What is held of an output that is written faster than it is read.
pub(crate) fn flood_into_a_pipe(context: &Context) -> Done<Seen> {
    let bound = 16_000_000;
    let server = context
        .serve("hostile")
        .args(["--timeout", "3s"])
        .unread()
        .start()?;
    server.get("/hello")?;
    let bytes = context.effort(200_000_000_u64, 4_000_000_000);
    let (seen, ()) = memory::growth(server.id(), bound, || {
        // On a client that gives up, so that the attack ends where the process does not answer.
        let path = format!("/flood?n={bytes}");
        drop(crate::http::get(
            server.address(),
            &path,
            Duration::from_secs(5),
        ));
    })?;
    Ok(Seen::memory(bound, seen))
}

pub(crate) fn escape_sequences(context: &Context) -> Done<Seen> {
    let mut faults = Vec::new();
    for arguments in [&[][..], &["--log-json"]] {
        let server = context.serve("hostile").args(arguments).start()?;
        let text = format!("{ESCAPES}%0Aa%20second%20line");
        server.get(&format!("/print?text={text}"))?;
        let has_both = || {
            let (printed, logged) = (server.printed(), server.logged());
            [printed, logged]
                .iter()
                .all(|text| text.contains("a second line"))
                || server.logged().matches("a second line").count() == 2
        };
        if !Process::until(Duration::from_secs(5), has_both) {
            faults.push(format!("{arguments:?}: the text is not passed on"));
            continue;
        }
        for (stream, text) in [("output", server.printed()), ("error", server.logged())] {
            let found = controls(&text);
            if !found.is_empty() {
                faults.push(format!("{arguments:?}, standard {stream}: {found:?}"));
            }
            let nameless = text.lines().find(|line| !line.contains("hostile"));
            if let Some(line) = nameless {
                faults.push(format!(
                    "{arguments:?}, standard {stream}: no name in {line:?}"
                ));
            }
        }
    }
    Ok(Seen::faults(
        "no control characters, each line with a name",
        4,
        &faults,
    ))
}

/// Keys, values, names and errors that are shown on a terminal.
pub(crate) fn escape_sequences_on_a_terminal(context: &Context) -> Done<Seen> {
    let folder = scratch()?;
    let store = format!("disk:{}", folder.path().join("data").display());
    let evil = "evil\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{8}";
    let kv = |arguments: &[&str]| {
        let mut command = context.keywell();
        command.arg("kv").args(arguments).args(["--store", &store]);
        command
    };
    let set = ended(&mut kv(&["set", evil, evil]), PATIENCE)?;
    if set.code() != Some(0) {
        return Err(format!("a key with controls cannot be set: {}", set.logged).into());
    }
    let component = folder.path().join("evil.wasm");
    let wat = "(component (import \"evil:\\1b[2J\" (func)))";
    std::fs::write(&component, wat::parse_str(wat)?)?;
    let absent = folder.path().join(evil);
    let mut inspect = context.keywell();
    inspect.arg("inspect").arg(&component);
    let mut missing = context.keywell();
    missing.arg("inspect").arg(&absent);
    let mut served = context.keywell();
    served.arg("serve").arg(&absent).args(["--store", evil]);
    let commands = [
        ("a listed key", kv(&["list"])),
        ("a value", kv(&["get", evil])),
        ("a key that is no number", kv(&["increment", evil])),
        ("an absent bucket", kv(&["list", "--bucket", evil])),
        ("an import's name", inspect),
        ("a file's name", missing),
        ("a store's address", served),
    ];
    let mut faults = Vec::new();
    let tried = commands.len();
    for (what, command) in commands {
        let found = controls(&on_terminal(&command, PATIENCE)?.printed);
        if !found.is_empty() {
            faults.push(format!("{what}: {found:?}"));
        }
    }
    Ok(Seen::faults("no control characters", tried, &faults))
}

/// Secrets in what each command says.
pub(crate) fn secrets(context: &Context) -> Done<Seen> {
    const SECRET: &str = "hunter2-secret";
    let folder = scratch()?;
    let hostile = guest("hostile")?;
    let hostile = hostile.to_str().ok_or("the path of a guest is text")?;
    // A port that nothing listens on any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port();
    let store = format!("redis://user:{SECRET}@127.0.0.1:{port}?timeout=1s");
    let file = folder.path().join("keywell.toml");
    std::fs::write(
        &file,
        format!(
            "[store.main]\nurl = {store:?}\n[component.a]\npath = {hostile:?}\nstore = \"main\"\n\
             env.TOKEN = {SECRET:?}\n\
             \n[[trigger.http]]\ncomponent = \"a\"\naddr = \"127.0.0.1:0\"\n"
        ),
    )?;
    let file = file.to_str().ok_or("the path of a file is text")?;
    let commands: [&[&str]; 16] = [
        &["serve", hostile, "--addr", "127.0.0.1:0"],
        &["run", hostile],
        &["up", file],
        &["kv", "get", "k"],
        &["kv", "set", "k", "v"],
        &["kv", "delete", "k"],
        &["kv", "exists", "k"],
        &["kv", "list"],
        &["kv", "increment", "k"],
        &["kv", "watch"],
        &["kv", "import"],
        &["kv", "export"],
        &["kv", "buckets"],
        &["conformance"],
        &["deadletters", "list"],
        &["inspect", hostile],
    ];
    let mut faults = Vec::new();
    let mut tried = 0;
    let plain = |arguments: &[&str]| {
        let mut command = context.keywell();
        command.args(arguments).env("KEYWELL_STORE", &store);
        command
    };
    for arguments in commands {
        let mut forms = vec![plain(arguments), plain(arguments), plain(arguments)];
        forms[0].arg("--help");
        forms[1].args(["--log", "trace"]);
        forms[2].arg("--no-such-option");
        for (n, mut form) in forms.into_iter().enumerate() {
            tried += 1;
            let ended = ended(&mut form, Duration::from_secs(10))?;
            if ended.printed.contains(SECRET) || ended.logged.contains(SECRET) {
                let what = ["its help", "its log", "an error"][n];
                faults.push(format!("{}: {what}", arguments[..1].join(" ")));
            }
        }
    }
    Ok(Seen::faults("no secret is shown", tried, &faults))
}
