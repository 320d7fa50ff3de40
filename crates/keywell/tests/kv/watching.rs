//! Watching. No other process has the disk store open here, so what is watched happened before.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Running, Scratch};

/// A token for this moment.
fn now(scratch: &Scratch) -> String {
    let ran = scratch.kv(["watch", "--count", "0"]);
    assert_eq!((ran.code, ran.text()), (0, ""));
    let token = ran
        .err
        .trim_end()
        .strip_prefix("keywell: resume with --since ");
    token.unwrap().to_owned()
}

#[test]
fn a_watch_delivers_what_happened_since_its_token() {
    let scratch = Scratch::new();
    let start = now(&scratch);
    scratch.quiet(&["set", "a", "text"]);
    scratch.kv_with(&["set", "b", "-"], b"\xff");
    scratch.quiet(&["delete", "a"]);

    let ran = scratch.kv(["watch", "--since", &start, "--count", "3"]);
    assert_eq!(ran.code, 0);
    let lines: Vec<Value> = ran
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let token = |n: usize| lines[n]["token"].as_str().unwrap();
    let set = json!({"event": "set", "key": "a", "value": "text", "token": token(0)});
    assert_eq!(lines[0], set);
    let binary = json!({"event": "set", "key": "b", "base64": "/w==", "token": token(1)});
    assert_eq!(lines[1], binary);
    let delete = json!({"event": "delete", "key": "a", "expired": false, "token": token(2)});
    assert_eq!(lines[2], delete);
    assert_eq!(
        ran.err,
        format!("keywell: resume with --since {}\n", token(2))
    );

    let last = ran.text().lines().last().unwrap();
    let again = scratch.prints(&["watch", "--since", token(1), "--count", "1"]);
    assert_eq!(again.trim_end(), last);
    let only = scratch.prints(&["watch", "--since", &start, "--count", "1", "--key", "b"]);
    assert_eq!(only.trim_end(), ran.text().lines().nth(1).unwrap());
    let only = scratch.prints(&["watch", "--since", &start, "--count", "1", "--prefix", "b"]);
    assert_eq!(only.trim_end(), ran.text().lines().nth(1).unwrap());
}

/// A watch that has printed an event: it has the store, and listens to signals.
fn watching(scratch: &Scratch, since: &str) -> Running {
    let mut running = scratch.start(&["watch", "--since", since], Stdio::null());
    let mut line = String::new();
    let mut lines = BufReader::new(running.0.stdout.as_mut().unwrap());
    lines.read_line(&mut line).unwrap();
    assert!(line.starts_with("{\"event\":\"set\""), "{line}");
    running
}

#[test]
fn a_second_process_learns_which_process_has_the_store() {
    let scratch = Scratch::new();
    let start = now(&scratch);
    scratch.quiet(&["set", "k", "v"]);
    let running = watching(&scratch, &start);
    let pid = running.0.id();
    let ran = scratch.kv(["get", "k"]);
    ran.failed(1, "keywell: cannot open the store disk:.keywell: ");
    ran.failed(
        1,
        &format!("in use by process {pid} (keywell); stop that first\n"),
    );
    running.signal("TERM");
    assert_eq!(running.end().code, 0);
    assert_eq!(scratch.quiet(&["get", "k"]), "v");
}

#[test]
fn a_watch_ends_well_when_it_is_interrupted() {
    let scratch = Scratch::new();
    let start = now(&scratch);
    scratch.quiet(&["set", "k", "v"]);
    for signal in ["INT", "TERM"] {
        let running = watching(&scratch, &start);
        running.signal(signal);
        let ran = running.end();
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.err.contains("resume with --since"), "{ran:?}");
    }
}

#[test]
fn a_token_of_another_store_is_refused() {
    let scratch = Scratch::new();
    let start = now(&scratch);
    let ran = scratch.kv(["watch", "--since", &start, "--store", "disk:other"]);
    ran.failed(
        1,
        "cannot watch bucket default: the resume token was not handed out",
    );
    let ran = scratch.kv(["watch", "--since", "-guess"]);
    ran.failed(1, "the resume token was not handed out by this bucket");
    let ran = scratch.kv(["watch", "--store", "disk:other?history=0"]);
    ran.failed(1, "this store does not offer watching");
}
