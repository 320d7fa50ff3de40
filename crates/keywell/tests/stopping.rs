//! Commands that get a signal before they have begun.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::TcpListener;
use std::process::{Command, Stdio};

use support::{guest, keywell};

/// Starts a command on a server that takes connections and says nothing, interrupts it, and answers
/// its exit code and what it said.
fn interrupted(signal: &str, command: impl FnOnce(&mut Command, &str)) -> (Option<i32>, String) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut keywell = keywell();
    let store = format!("redis://{}", silent.local_addr().unwrap());
    command(&mut keywell, &store);
    let keywell = keywell.stdout(Stdio::piped()).stderr(Stdio::piped());
    let keywell = keywell.spawn().unwrap();
    // It waits for an answer from now on.
    let _connection = silent.accept().unwrap();
    let pid = keywell.id().to_string();
    let sent = Command::new("kill").args([signal, &pid]).status();
    assert!(sent.unwrap().success());
    let output = keywell.wait_with_output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).unwrap())
}

#[test]
fn a_stop_ends_a_start_that_waits_for_a_store() {
    let serve = interrupted("-INT", |keywell, store| {
        keywell.arg("serve").arg(guest("counter"));
        keywell.args(["--addr", "127.0.0.1:0", "--store", store]);
    });
    assert_eq!(serve, (Some(0), String::new()));
    let run = interrupted("-TERM", |keywell, store| {
        keywell.arg("run").arg(guest("probe-draft2"));
        keywell.args(["--store", store]);
    });
    assert_eq!(run, (Some(1), "keywell: interrupted\n".to_owned()));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keywell.toml");
    let up = interrupted("-TERM", |keywell, store| {
        let text = format!(
            "[store.first]\nurl = \"disk:data\"\n[store.second]\nurl = {store:?}\n\
             [component.counter]\npath = {:?}\nstore = \"second\"\n\
             [[trigger.http]]\ncomponent = \"counter\"\naddr = \"127.0.0.1:0\"\n",
            guest("counter").to_str().unwrap()
        );
        std::fs::write(&file, text).unwrap();
        keywell.arg("up").arg(&file);
    });
    assert_eq!(up, (Some(0), String::new()));
    // The store that was open is free.
    let store = format!("disk:{}", folder.path().join("data").display());
    let mut kv = keywell();
    kv.args(["kv", "list", "--store", &store]);
    assert!(kv.output().unwrap().status.success());
}
