//! An application that goes over to other files while it runs: at SIGHUP, and by itself.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use keywell_servers::Port;
use support::application::{Application, get};
use support::connection::Connection;
use support::{PATIENCE, guest, keywell};

/// An application with a component that is in its folder.
const ONE: &str = "[store.main]\nurl = \"memory:\"\n\
     [component.web]\npath = \"web.wasm\"\nstore = \"main\"\n\
     \n[[trigger.http]]\ncomponent = \"web\"\naddr = \"127.0.0.1:0\"\n";

/// Puts a guest in the place of another file, in one step, as builds do.
fn put(guest_name: &str, folder: &Path, name: &str) {
    let new = folder.join("new.tmp");
    fs::copy(guest(guest_name), &new).unwrap();
    fs::rename(new, folder.join(name)).unwrap();
}

/// Changes the file of the application.
fn write(folder: &Path, text: &str) {
    fs::write(folder.join("keywell.toml"), text).unwrap();
}

/// Runs the application of a folder, which reloads by itself.
fn watching(folder: &Path, text: &str) -> Application {
    write(folder, text);
    let lines = text.matches("\n[[trigger.").count();
    let mut keywell = keywell();
    keywell.arg("up").arg(folder.join("keywell.toml"));
    Application::spawn(keywell.arg("--watch"), lines)
}

/// The next line of a reload, without the time that it took.
fn reloaded(application: &Application) -> String {
    let line = application.printed();
    assert!(line.starts_with("reloaded "), "{line}");
    let (_, changes) = line.split_once(" s: ").unwrap();
    changes.to_owned()
}

#[test]
fn a_signal_goes_over_to_another_component_on_open_connections() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put("counter", folder, "web.wasm");
    let application = Application::start(folder, ONE);
    let mut connection = Connection::open(&application.address());
    assert_eq!(connection.get("/a").1, "Counter /a: 1\n");
    application.signal("-HUP");
    assert_eq!(reloaded(&application), "nothing changed");
    put("mischief", folder, "web.wasm");
    application.signal("-HUP");
    assert_eq!(
        reloaded(&application),
        "component web changed; 1 trigger started"
    );
    // The store is the same, and so is the connection.
    assert_eq!(connection.get("/get?key=/a").1, "1");
    put("counter", folder, "web.wasm");
    application.signal("-HUP");
    reloaded(&application);
    assert_eq!(connection.get("/a").1, "Counter /a: 2\n");
    application.stop();
}

#[test]
fn what_fails_leaves_the_application_as_it_was_and_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put("counter", folder, "web.wasm");
    let application = Application::start(folder, ONE);
    let runs_on = "the application runs on as it was";
    for (text, problem, count) in [
        (
            ONE.replace("path =", "pth ="),
            "did you mean path?",
            "1 error",
        ),
        (
            format!("[limits]\nmemory = \"1MiB\"\n{ONE}"),
            "the limits of an application cannot change while it runs; start it again",
            "1 error",
        ),
        (ONE.replace("web.wasm", "none.wasm"), "none.wasm", "1 error"),
        (
            ONE.replace("memory:", "disk:/dev/null/x"),
            "cannot open the store",
            "cannot open the store",
        ),
    ] {
        write(folder, &text);
        application.signal("-HUP");
        let line = application.logs(problem);
        if !line.contains(runs_on) {
            let line = application.logs(runs_on);
            assert!(line.contains(count), "{line}");
        }
    }
    fs::remove_file(folder.join("keywell.toml")).unwrap();
    application.signal("-HUP");
    application.logs("cannot read");
    application.logs(runs_on);
    assert_eq!(application.get("/a").text(), "Counter /a: 1\n");
    write(folder, ONE);
    application.signal("-HUP");
    assert_eq!(reloaded(&application), "nothing changed");
    assert_eq!(application.get("/a").text(), "Counter /a: 2\n");
    application.stop();
}

#[test]
fn a_component_that_is_half_written_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put("counter", folder, "web.wasm");
    let application = watching(folder, ONE);
    let mischief = fs::read(guest("mischief")).unwrap();
    let (half, _) = mischief.split_at(mischief.len() / 2);
    fs::write(folder.join("web.wasm"), half).unwrap();
    application.logs("web.wasm");
    application.logs("the application runs on as it was");
    assert_eq!(application.get("/a").text(), "Counter /a: 1\n");
    fs::write(folder.join("web.wasm"), &mischief).unwrap();
    assert_eq!(
        reloaded(&application),
        "component web changed; 1 trigger started"
    );
    assert_eq!(application.get("/get?key=/a").text(), "1");
    application.stop();
}

#[test]
fn a_change_of_the_file_starts_what_is_new_and_ends_what_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for name in ["web.wasm", "other.wasm"] {
        put("counter", folder, name);
    }
    let application = watching(folder, ONE);
    let first = application.address();
    let mut connection = Connection::open(&first);
    assert_eq!(connection.get("/a").1, "Counter /a: 1\n");
    let port = Port::claim().unwrap();
    let second = &port.address().to_string();
    let two = format!(
        "{ONE}\n[component.other]\npath = \"other.wasm\"\nstore = \"main\"\n\
         [[trigger.http]]\ncomponent = \"other\"\naddr = {second:?}\n"
    );
    write(folder, &two);
    assert_eq!(
        reloaded(&application),
        "component other added; 1 trigger started"
    );
    let line = application.printed();
    assert_eq!(line, format!("other listens on http://{second}"));
    assert_eq!(get(second, "/a").text(), "Counter /a: 2\n");
    // A file that is new in the plan is watched, too. An editor renames another one to its place.
    put("mischief", folder, "other.wasm");
    assert_eq!(
        reloaded(&application),
        "component other changed; 1 trigger started"
    );
    assert_eq!(get(second, "/get?key=/a").text(), "2");
    fs::write(folder.join("keywell.new"), ONE).unwrap();
    fs::rename(folder.join("keywell.new"), folder.join("keywell.toml")).unwrap();
    assert_eq!(
        reloaded(&application),
        "component other removed; 1 trigger ended"
    );
    // The task that has the listener ends on its own.
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect(second).is_ok() {
        assert!(Instant::now() < end, "{second} still listens");
    }
    assert_eq!(connection.get("/a").1, "Counter /a: 3\n");
    application.stop();
}

#[test]
fn a_component_whose_folder_is_made_again_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let built = folder.join("target/release");
    fs::create_dir_all(&built).unwrap();
    put("counter", &built, "web.wasm");
    let text = ONE.replace("web.wasm", "target/release/web.wasm");
    let application = watching(folder, &text);
    fs::remove_dir_all(folder.join("target")).unwrap();
    application.logs("the application runs on as it was");
    fs::create_dir_all(&built).unwrap();
    put("mischief", &built, "web.wasm");
    let line = application.printed();
    assert!(line.contains("component web changed"), "{line}");
    application.stop();
}

#[test]
fn serve_reads_its_component_again_at_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put("counter", folder, "web.wasm");
    let mut keywell = keywell();
    keywell.arg("serve").arg(folder.join("web.wasm"));
    keywell.args(["--addr", "127.0.0.1:0", "--store", "memory:"]);
    let application = Application::spawn(&mut keywell, 1);
    assert_eq!(application.get("/a").text(), "Counter /a: 1\n");
    put("mischief", folder, "web.wasm");
    application.signal("-HUP");
    assert!(reloaded(&application).starts_with("component web.wasm changed"));
    assert_eq!(application.get("/get?key=/a").text(), "1");
    application.stop();
}

#[test]
fn no_request_is_dropped_under_load() {
    const CLIENTS: usize = 6;
    const RELOADS: u64 = 8;
    let requests = std::env::var("KEYWELL_RELOAD_REQUESTS");
    let requests = requests.map_or(20_000, |requests| requests.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put("counter", folder, "web.wasm");
    let application = Application::start(folder, ONE);
    let address = application.address();
    let (answered, reloads) = (AtomicU64::new(0), AtomicU64::new(0));
    let is_enough =
        || answered.load(Ordering::SeqCst) >= requests && reloads.load(Ordering::SeqCst) >= RELOADS;
    let last: Vec<u64> = thread::scope(|scope| {
        let clients = (0..CLIENTS).map(|client| {
            let (address, answered, is_enough) = (&address, &answered, &is_enough);
            scope.spawn(move || {
                let (mut connection, mut count) = (Connection::open(address), 0);
                while !is_enough() {
                    count += 1;
                    // Also a new connection is accepted at any time.
                    if count % 100 == 0 {
                        connection = Connection::open(address);
                    }
                    let answer = connection.get(&format!("/{client}"));
                    assert_eq!(answer, (200, format!("Counter /{client}: {count}\n")));
                    answered.fetch_add(1, Ordering::SeqCst);
                }
                count
            })
        });
        let clients: Vec<_> = clients.collect();
        let mut guests = ["counter_draft", "counter"].iter().cycle();
        while !is_enough() && clients.iter().all(|client| !client.is_finished()) {
            put(guests.next().unwrap(), folder, "web.wasm");
            application.signal("-HUP");
            assert!(reloaded(&application).starts_with("component web changed"));
            reloads.fetch_add(1, Ordering::SeqCst);
        }
        let ended = clients.into_iter().map(|client| client.join().unwrap());
        ended.collect()
    });
    let (answered, reloads) = (answered.into_inner(), reloads.into_inner());
    println!("{answered} requests, {reloads} reloads");
    assert_eq!(last.iter().sum::<u64>(), answered);
    application.stop();
}
