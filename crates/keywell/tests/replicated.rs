//! Several processes of the program on one replicated cache.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::thread;
use std::time::{Duration, Instant};

use keywell_servers::Nats;
use support::{Server, keywell};

/// Starts a server of NATS, and answers it with the URL of a cache.
fn nats() -> (tokio::runtime::Runtime, Nats, String) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let nats = runtime.block_on(Nats::start()).unwrap();
    let url = format!("nats-cache://{}/bar", nats.addr());
    (runtime, nats, url)
}

/// Sends a request, and answers the number of the counter.
fn count(server: &Server) -> u64 {
    let response = server.get("/c");
    let text = response.text();
    let number = text.trim_end().rsplit(' ').next();
    number.unwrap().parse().unwrap_or_else(|_| panic!("{text}"))
}

/// Waits until a key has this value in the cache, as a process sees it that joins.
fn is_counted(url: &str, value: &str) {
    let end = Instant::now() + support::PATIENCE;
    loop {
        let read = keywell().args(["kv", "get", "/c", "--store", url]).output();
        let read = read.unwrap();
        let text = String::from_utf8_lossy(&read.stdout).into_owned();
        if text.trim_end() == value {
            return;
        }
        assert!(Instant::now() < end, "the count is {text}, not {value}");
    }
}

#[test]
fn three_processes_count_on_one_cache_and_one_is_killed_and_returns() {
    let (_runtime, _nats, url) = nats();
    let start = || Server::start("counter", &["--store", &url]);
    let mut servers = vec![start(), start(), start()];
    thread::scope(|scope| {
        for server in &servers {
            scope.spawn(move || {
                for _ in 0..200 {
                    count(server);
                }
            });
        }
    });
    is_counted(&url, "600");
    servers.pop().unwrap().kill();
    servers.push(start());
    for server in &servers {
        // The one that returned has all, too.
        let number = count(server);
        assert!((601..=603).contains(&number), "{number}");
    }
    is_counted(&url, "603");
}

#[test]
fn what_a_process_wrote_that_is_stopped_is_in_the_cache() {
    let (_runtime, _nats, url) = nats();
    let keeper = Server::start("counter", &["--store", &url]);
    for signal in ["-INT", "-TERM"] {
        let mut stopped = Server::start("counter", &["--store", &url]);
        for _ in 0..50 {
            count(&stopped);
        }
        stopped.signal(signal);
        assert!(stopped.wait().success());
    }
    assert_eq!(count(&keeper), 101);
}

#[test]
fn a_command_that_writes_and_ends_has_written_or_says_what_may_be_lost() {
    let (_runtime, _nats, url) = nats();
    // The cache would be gone with the command.
    let other = "no other process has told what is in this cache";
    for (url, code, expected) in [
        (&*url, 0, other),
        ("nats-cache:", 1, "lives inside one process"),
    ] {
        let mut kv = keywell();
        let set = kv.args(["kv", "set", "/c", "1", "--store", url]).output();
        let set = set.unwrap();
        let error = String::from_utf8(set.stderr).unwrap();
        assert_eq!(set.status.code(), Some(code), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    let keeper = Server::start("counter", &["--store", &url]);
    for _ in 0..5 {
        let added = keywell()
            .args(["kv", "increment", "/c", "--store", &url])
            .output();
        assert!(added.unwrap().status.success());
    }
    assert_eq!(count(&keeper), 6);
}

#[test]
fn what_is_not_there_is_said() {
    let start = Instant::now();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("nats-cache://u:hunter2@{}/bar", port.local_addr().unwrap());
    drop(port);
    let failed = keywell()
        .args(["kv", "get", "/c", "--store", &url])
        .output();
    let failed = failed.unwrap();
    let error = String::from_utf8(failed.stderr).unwrap();
    assert_eq!(failed.status.code(), Some(1), "{error}");
    assert!(error.contains("NATS cannot be reached"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(30));
}
