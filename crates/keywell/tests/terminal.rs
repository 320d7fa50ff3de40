//! What comes from a store, a server or a file does nothing to the terminal that it is shown on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use support::keywell;

/// A title, a clipboard, a cleared screen (in seven bits and in eight), a line written over, a line
/// turned around, and a line of the log.
const HOSTILE: &str =
    "x\u{1b}]0;title\u{7}\u{1b}]52;c;aGk=\u{7}\u{1b}[2J\u{9b}2J\r\u{202e}y\n2026 WARN forged";

/// What of it must not reach a terminal.
const ACTING: [&str; 7] = [
    "\u{1b}]",
    "\u{7}",
    "\u{1b}[2J",
    "\u{9b}",
    "2J\r",
    "\u{202e}",
    // The beginning of the forged line, and of no true one.
    "\n2026 ",
];

/// Runs a command on a terminal of its own, and answers what it writes there.
fn on_terminal(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted = words.map(|word| format!("'{}'", word.to_str().unwrap().replace('\'', r"'\''")));
    let line = quoted.collect::<Vec<_>>().join(" ");
    let mut script = Command::new("script");
    script
        .args(["--quiet", "--command", &line, "/dev/null"])
        .env("SHELL", "/bin/sh")
        .current_dir(command.get_current_dir().unwrap())
        .stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    let ran = script.output().expect("script, of util-linux, is there");
    // The terminal makes two characters of a line end.
    String::from_utf8_lossy(&ran.stdout).replace("\r\n", "\n")
}

fn in_folder(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = keywell();
    command.args(arguments).current_dir(folder);
    command
}

fn output(folder: &Path, arguments: &[&str]) -> Output {
    in_folder(folder, arguments).output().unwrap()
}

#[track_caller]
fn assert_harmless(shown: &str, arguments: &[&str]) {
    for acting in ACTING {
        assert!(
            !shown.contains(acting),
            "{acting:?} of {arguments:?} in {shown:?}"
        );
    }
}

#[test]
fn keys_and_values_are_written_out_on_a_terminal_and_stay_as_they_are_in_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = |arguments: &[&str]| {
        let ran = output(folder, arguments);
        assert!(ran.status.success(), "{ran:?}");
        ran.stdout
    };
    let value = HOSTILE.replace('\n', "\r\u{85}");
    let watched = output(folder, &["kv", "watch", "--count", "0"]);
    let watched = String::from_utf8(watched.stderr).unwrap();
    let token = watched.trim().rsplit(' ').next().unwrap();
    run(&["kv", "set", HOSTILE, &value]);
    // A bucket's name has no control characters.
    run(&["kv", "set", "--bucket", "b\u{202e}", "k", "v"]);

    for (arguments, piped, shown) in [
        (
            &["kv", "get", HOSTILE][..],
            value.clone(),
            r"x\u{1b}]0;title\u{7}",
        ),
        (
            &["kv", "list"],
            format!("{HOSTILE}\n"),
            r"\r\u{202e}y\n2026 WARN forged",
        ),
        (
            &["kv", "list", "--null"],
            format!("{HOSTILE}\0"),
            r"y\n2026 WARN forged",
        ),
        (
            &["kv", "buckets"],
            "b\u{202e}\ndefault\n".to_owned(),
            r"b\u{202e}",
        ),
    ] {
        assert_eq!(String::from_utf8(run(arguments)).unwrap(), piped);
        let on_terminal = on_terminal(&in_folder(folder, arguments));
        assert_harmless(&on_terminal, arguments);
        assert!(on_terminal.contains(shown), "{on_terminal:?}");
    }

    for arguments in [
        &["kv", "get", "--json", HOSTILE][..],
        &["kv", "list", "--json"],
        &["kv", "export"],
        &["kv", "watch", "--count", "1", "--since", token],
    ] {
        let shown = on_terminal(&in_folder(folder, arguments));
        assert_harmless(&shown, arguments);
        let json = |text: &str| {
            let line = text
                .lines()
                .find(|line| line.starts_with(['{', '"']))
                .unwrap();
            serde_json::from_str::<serde_json::Value>(line).unwrap()
        };
        let piped = String::from_utf8(run(arguments)).unwrap();
        assert_eq!(json(&shown), json(&piped), "{arguments:?}");
        assert!(piped.contains('\u{202e}'), "{piped:?}");
    }
}

#[test]
fn errors_are_written_out_wherever_they_go() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let letter = format!("letters/{}", HOSTILE.replace('/', ""));
    let letters = ["--bucket", "keywell-deadletters"];
    let set = [&["kv", "set", &letter, "no letter"], &letters[..]].concat();
    assert!(output(folder, &set).status.success());
    let quoted = serde_json::to_string(HOSTILE).unwrap();
    std::fs::write(folder.join("keywell.toml"), format!("[{quoted}]\n")).unwrap();
    std::fs::write(folder.join("lines"), format!("{{{quoted}:1}}\n")).unwrap();
    let server = refusing();
    let component = format!("{HOSTILE}.wasm");
    for arguments in [
        &["kv", "get", HOSTILE][..],
        &[
            "kv",
            "increment",
            &letter,
            "--bucket",
            "keywell-deadletters",
        ],
        &["kv", "set", "k", "--file", HOSTILE],
        &["kv", "export", "-o", "none/\u{1b}]0;title\u{7}"],
        &["kv", "import", "lines"],
        &["kv", "import", HOSTILE],
        &["kv", "get", "k", HOSTILE],
        &["kv", "get", "k", "--store", HOSTILE],
        &["kv", "get", "k", "--store", &server],
        &["kv", "get", "k", "--log", HOSTILE],
        &["deadletters", "list"],
        &["deadletters", "remove", "none\u{1b}]0;title\u{7}"],
        &["deadletters", "list", "--store", &server],
        &["conformance", "--store", &server],
        &["inspect", &component],
        &["serve", &component],
        &["run", &component],
        &["up"],
        &["up", HOSTILE],
    ] {
        let ran = output(folder, arguments);
        assert!(!ran.status.success(), "{arguments:?}");
        let printed = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
        assert!(
            !printed.is_empty() && !printed.contains("panicked"),
            "{printed}"
        );
        assert_harmless(&printed, arguments);
        assert_harmless(&on_terminal(&in_folder(folder, arguments)), arguments);
    }
}

/// The URL of a server that answers everything with a hostile error.
fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = format!("-ERR {}\r\n", HOSTILE.replace(['\r', '\n'], ""));
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut connection, answer) = (connection.unwrap(), answer.clone());
            std::thread::spawn(move || {
                while let Ok(1..) = connection.read(&mut [0; 4096]) {
                    if connection.write_all(answer.repeat(8).as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    format!("redis://:x@{address}?answer-timeout=10s")
}
