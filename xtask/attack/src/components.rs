//! Components that make the host hold memory, and that do not answer as they should.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::clients::STREAM;
use crate::context::scratch;
use crate::http::{self, Client};
use crate::process::{PATIENCE, Process};
use crate::{Context, Done, Seen, memory};

/// What an instance may have here for its linear memories and tables.
pub(crate) const MEMORY: &str = "64MiB";
/// That, and as much again for what the host holds for it.
pub(crate) const INSTANCE: u64 = 2 * (64 << 20);
pub(crate) const VALUE: u64 = 16 << 20;
/// What a guest may have filled that makes the host hold nothing, beside what a process needs to run it.
pub(crate) const FILLED: u64 = (64 << 20) + 4 * STREAM;

/// A server whose guest has 64 MiB an instance, and nothing but what the arguments allow.
fn server(context: &Context, arguments: &[&str]) -> Done<Process> {
    let arguments = [&["--memory", MEMORY, "--timeout", "20s"], arguments].concat();
    let server = context.serve("hostile").args(arguments).start()?;
    server.get("/hello")?;
    Ok(server)
}

/// Lets a guest attack its host once, and answers how far the process grew. What the guest says to
/// it does not matter: that it may make so much, that it may not, or nothing because it was ended.
pub(crate) fn attack(server: &Process, path: &str, bound: u64) -> Done<Seen> {
    let (seen, answer) = memory::growth(server.id(), bound, || server.get(path))?;
    drop(answer);
    let seen = Seen::memory(bound, seen);
    Ok(match server.answers("/hello", PATIENCE) {
        Some(_) => seen,
        None => seen.and(Seen::faults(
            "the next call is answered",
            1,
            &["it is not".into()],
        )),
    })
}

pub(crate) fn many_reads_of_one_value(context: &Context) -> Done<Seen> {
    // On disk, as a store in memory need not copy what it gives.
    let folder = scratch()?;
    let arguments = ["--memory", MEMORY, "--timeout", "20s"];
    let starting = context.serve("hostile").args(arguments);
    let server = starting.disk(&folder.path().join("data")).start()?;
    server.get(&format!("/set?key=big&n={VALUE}"))?;
    server.get("/get-many?key=big&n=1")?;
    attack(&server, "/get-many?key=big&n=100", INSTANCE)
}

pub(crate) fn snapshots_of_values(context: &Context) -> Done<Seen> {
    let server = server(context, &[])?;
    server.get(&format!("/cas?n=1&size={VALUE}"))?;
    attack(&server, &format!("/cas?n=100&size={VALUE}"), INSTANCE)
}

pub(crate) fn unsent_bodies(context: &Context) -> Done<Seen> {
    attack(&server(context, &[])?, "/bodies?n=1600", INSTANCE)
}

pub(crate) fn header_sets(context: &Context) -> Done<Seen> {
    attack(&server(context, &[])?, "/fields?n=13000", INSTANCE)
}

pub(crate) fn pending_requests(context: &Context) -> Done<Seen> {
    // It takes connections in its backlog, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let address = silent.local_addr()?.to_string();
    let server = server(context, &["--allow-http", &address])?;
    attack(&server, &format!("/outgoing?n=1000&to={address}"), INSTANCE)
}

pub(crate) fn memory_growth(context: &Context) -> Done<Seen> {
    attack(&server(context, &[])?, "/grow", FILLED)
}

pub(crate) fn pollables(context: &Context) -> Done<Seen> {
    attack(&server(context, &[])?, "/pollables?n=1000000", INSTANCE)
}

pub(crate) fn streams(context: &Context) -> Done<Seen> {
    attack(&server(context, &[])?, "/streams?n=1000000", INSTANCE)
}

pub(crate) fn sockets(context: &Context) -> Done<Seen> {
    attack(&server(context, &[])?, "/sockets?n=1000000", INSTANCE)
}

pub(crate) fn random_bytes(context: &Context) -> Done<Seen> {
    let bytes = context.effort(1_u64 << 30, 4 << 30);
    attack(
        &server(context, &[])?,
        &format!("/random?n={bytes}"),
        INSTANCE,
    )
}

/// Many instances that each hold what they may.
pub(crate) fn many_instances_together(context: &Context) -> Done<Seen> {
    let total = 256 << 20;
    let server = server(context, &["--total-memory", "256MiB"])?;
    server.get(&format!("/cas?n=1&size={VALUE}"))?;
    // What is charged is the bound; each call under way may cost a stream beside it.
    let calls: u64 = 8;
    let bound = total + calls * STREAM;
    let path = format!("/cas?n=4&size={VALUE}");
    let (seen, ()) = memory::growth(server.id(), bound, || {
        thread::scope(|scope| {
            for _ in 0..calls {
                scope.spawn(|| drop(server.get(&path)));
            }
        });
    })?;
    Ok(Seen::memory(bound, seen))
}

/// A command of so many modules with a memory each, or none, that fills what it has and then computes
/// for ever.
fn filling(memories: usize, tables: usize, is_filling: bool) -> String {
    let mut component = String::from("(component\n");
    let grow = "(block $full (loop $more
        (local.set $page (memory.grow (i32.const 1)))
        (br_if $full (i32.eq (local.get $page) (i32.const -1)))
        (memory.fill (i32.mul (local.get $page) (i32.const 65536)) (i32.const 1) (i32.const 65536))
        (br $more)))";
    let grow_table = "(loop $more
        (br_if $more (i32.ne (table.grow $t0 (ref.func $fill) (i32.const 10000)) (i32.const -1))))";
    let (grow, grow_table) = match (is_filling, tables > 0) {
        (false, _) => ("", ""),
        (true, false) => (grow, ""),
        (true, true) => (grow, grow_table),
    };
    for n in 0..memories {
        let tables = (0..tables).fold(String::new(), |text, n| {
            text + "(table $t" + &n.to_string() + " 1 funcref)"
        });
        let _ = writeln!(
            component,
            "(core module $m{n} (memory 1) {tables}
                (func $fill (export \"fill\") (local $page i32) {grow} {grow_table})
                (elem declare func $fill))
             (core instance $i{n} (instantiate $m{n}))"
        );
    }
    component += "(core module $main\n";
    for n in 0..memories {
        let _ = writeln!(component, "(import \"{n}\" \"fill\" (func $f{n}))");
    }
    component += "(func (export \"run\") (result i32)\n";
    for n in 0..memories {
        let _ = writeln!(component, "call $f{n}");
    }
    component += "(loop $ever (br $ever)) i32.const 0))\n(core instance $main (instantiate $main\n";
    for n in 0..memories {
        let _ = writeln!(component, "(with \"{n}\" (instance $i{n}))");
    }
    component + "))\n" + RUN + ")"
}

/// Exports a core instance `$main` as a command.
pub(crate) const RUN: &str = r#"
    (func $run (result (result)) (canon lift (core func $main "run")))
    (instance $exported (export "run" (func $run)))
    (export "wasi:cli/run@0.2.0" (instance $exported))"#;

/// Runs a command that fills what it may, and answers how far its process grew beside one that runs
/// the same command without filling anything.
fn fill(context: &Context, memories: usize, tables: usize, bound: u64) -> Done<Seen> {
    let folder = scratch()?;
    let mut sizes = Vec::new();
    for is_filling in [false, true] {
        let file = folder.path().join(format!("{is_filling}.wasm"));
        fs::write(
            &file,
            wat::parse_str(filling(memories, tables, is_filling))?,
        )?;
        sizes.push(size_of_run(context, &file, bound)?);
    }
    Ok(Seen::memory(bound, sizes[1].saturating_sub(sizes[0])))
}

/// The most that `keywell run` of a component has in memory.
fn size_of_run(context: &Context, file: &Path, bound: u64) -> Done<u64> {
    let mut command = context.keywell();
    command.arg("run").arg(file);
    command.args(["--store", "memory:", "--memory", MEMORY, "--timeout", "30s"]);
    let mut process = Process::start(&mut command, 0, false)?;
    memory::settle(process.id(), 0, 4 * bound)?;
    // One that was refused or ended has nothing in memory any more.
    if !process.is_running() {
        return Err(format!("it ended: {}", process.logged()).into());
    }
    memory::peak(process.id())
}

pub(crate) fn memories_of_four_modules(context: &Context) -> Done<Seen> {
    fill(context, 4, 0, FILLED)
}

pub(crate) fn large_tables(context: &Context) -> Done<Seen> {
    fill(context, 2, 3, FILLED)
}

pub(crate) fn failed_instances_with_reuse(context: &Context) -> Done<Seen> {
    let mut faults = Vec::new();
    let paths = ["/break", "/break-by-trap"];
    for path in paths {
        let server = server(context, &["--reuse", "1000", "--instances", "1"])?;
        for n in 0..context.effort(5, 500) {
            let broken = server.get(path)?.status;
            let next = server.get("/hello")?;
            if broken != 500 || next.status != 200 {
                let status = next.status;
                faults.push(format!("{path}, round {n}: {broken}, then {status}"));
                break;
            }
        }
    }
    Ok(Seen::faults(
        "500, and the next is 200",
        paths.len(),
        &faults,
    ))
}

pub(crate) fn improper_answers(context: &Context) -> Done<Seen> {
    let server = server(context, &[])?;
    let cases = [
        ("/status?n=101", "a status of 1xx"),
        ("/status?n=199", "a status of 1xx"),
        ("/length?declared=10&n=4", "less than declared"),
        ("/length?declared=4&n=10", "more than declared"),
        ("/length?declared=100000&n=50000", "much less than declared"),
        ("/dropped", "a body that was dropped"),
        ("/no-response", "no response"),
        ("/trap", "a trap"),
    ];
    let mut faults = Vec::new();
    for (path, what) in cases {
        let logged = server.logged().lines().count();
        let ask = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = Client::asks(server.address(), ask, Duration::from_secs(10))
            .and_then(|mut client| client.response());
        // 500 while nothing was sent, and a body that is cut off afterwards.
        match &answer {
            Ok(response) if response.status == 500 && response.is_complete => {}
            Ok(response) if !response.is_complete => {}
            // What was on its way may be lost with the connection.
            Err(_) if what.starts_with("much") => {}
            other => {
                let seen = other
                    .as_ref()
                    .map(|response| (response.status, response.text()));
                faults.push(format!("{what}: {seen:?}"));
                continue;
            }
        }
        let mut warnings = 0;
        let warned = Process::until(Duration::from_secs(2), || {
            let text = server.logged();
            let new = text.lines().skip(logged);
            warnings = new.filter(|line| line.contains("hostile")).count();
            warnings > 0
        });
        if !warned || warnings > 1 {
            faults.push(format!(
                "{what}: {warnings} warnings that name the component"
            ));
        }
    }
    if http::get(server.address(), "/hello", PATIENCE)?.status != 200 {
        faults.push("the next call fails".to_owned());
    }
    Ok(Seen::faults(
        "500 or a body cut off, and one warning",
        cases.len(),
        &faults,
    ))
}
