//! `keywell up --check`: everything that is wrong with an application, in one run.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::process::Command;

use support::application::refusal;
use support::{guest, keywell};

/// Runs it on a text, and answers its exit code, what it says and what it complains of.
fn check(folder: &Path, text: &str, more: &[&str]) -> (i32, String, String) {
    let file = folder.join("keywell.toml");
    std::fs::write(&file, text).unwrap();
    ran(
        keywell().args(["up", "--check"]).args(more).arg(&file),
        folder,
    )
}

fn ran(command: &mut Command, folder: &Path) -> (i32, String, String) {
    let output = command.output().unwrap();
    let [said, complained] = [output.stdout, output.stderr].map(|text| {
        let text = String::from_utf8(text).unwrap();
        text.replace(folder.to_str().unwrap(), "FOLDER")
    });
    (output.status.code().unwrap(), said, complained)
}

fn counter() -> String {
    format!(
        "[store.main]\nurl = 'disk:data'\n\
         [component.counter]\npath = {:?}\nstore = 'main'\n\
         [[trigger.http]]\ncomponent = 'counter'\naddr = '127.0.0.1:0'\n",
        guest("counter").to_str().unwrap()
    )
}

#[test]
fn a_valid_file_is_said_to_be_valid_and_nothing_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said, complained) = check(folder.path(), &counter(), &["--online"]);
    assert_eq!((code, &*complained), (0, ""));
    let expected = "FOLDER/keywell.toml is valid: 1 store, 1 component and 1 trigger\n";
    assert_eq!(said, expected);
    assert!(!folder.path().join("data").exists());
}

#[test]
fn every_problem_is_shown_in_one_run() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("none.txt"), "hello").unwrap();
    let counter = guest("counter");
    let text = format!(
        r#"[limits]
memroy = "64MiB"

[store.main]
url = "disk:data?cache=lots"
history = "hunter2"
histroy-bytes = 1

[store.other]
url = "floppy:a"

[store.third]
url = "disk:~/x"

[component.counter]
path = {counter:?}
store = "mian"
outgoing = ["http://x", "localhost:3001", "http://y"]

[component.absent]
path = "absent.wasm"

[component.none]
path = "none.txt"
store = "main"
buckets = {{ a = "keywell-triggers", b = "x/\u0001" }}

[[trigger.http]]
component = "counter"

[[trigger.http]]
component = "counter"
addr = "localhost:8080"

[[trigger.watch]]
component = "none"
bucket = "b"
on = ["PUT@a", "SET"]
"#
    );
    let (code, said, complained) = check(folder.path(), &text, &[]);
    assert_eq!((code, &*said), (2, ""), "{complained}");
    for (place, message) in [
        ("2:1", "there is no memroy in limits"),
        (
            "5:7",
            "the store main: the setting cache must be a number of bytes",
        ),
        (
            "6:11",
            "the store main: the setting history must be a whole number",
        ),
        (
            "7:17",
            "the store main: there is no setting histroy-bytes; this store has",
        ),
        ("10:7", "the store other: unknown store scheme floppy:"),
        ("13:7", "the store third: the store disk:~/x"),
        ("17:9", "there is no store \"mian\""),
        ("18:13", "\"http://x\" is no host to allow"),
        ("18:43", "\"http://y\" is no host to allow"),
        (
            "21:8",
            "the component absent: cannot read the component FOLDER/absent.wasm",
        ),
        (
            "24:8",
            "the component none: FOLDER/none.txt is not a WebAssembly component",
        ),
        ("26:17", "the bucket keywell-triggers is Keywell's own"),
        ("26:41", "a bucket name is at most 255 bytes"),
        ("38:7", "at character 1 of \"PUT@a\": expected an operation"),
        ("38:16", "at character 4 of \"SET\": expected `@`"),
        ("31:1", "localhost:8080 is taken by 127.0.0.1:8080"),
    ] {
        let expected = format!("error: {message}");
        let (_, rest) = complained
            .split_once(&expected)
            .unwrap_or_else(|| panic!("{expected}\n{complained}"));
        let origin = format!("--> FOLDER/keywell.toml:{place}\n");
        let line = rest.lines().nth(1).unwrap_or_default().to_owned() + "\n";
        assert!(line.ends_with(&origin), "{message}: {line}");
    }
    for meant in ["main", "history-bytes"] {
        let help = format!("  = help: did you mean {meant}?\n");
        assert!(complained.contains(&help), "{complained}");
    }
    assert!(
        complained.contains("18 | outgoing = [\"http://x\","),
        "{complained}"
    );
    assert!(!complained.contains("hunter2"), "{complained}");
    assert!(!complained.contains('\u{1b}'), "{complained}");
    let last = complained.lines().last().unwrap();
    assert!(
        last.starts_with("keywell: FOLDER/keywell.toml has 16"),
        "{last}"
    );
    assert!(last.ends_with(" errors"), "{last}");
    // What runs applications finds the same.
    let (code, refused) = refusal(folder.path(), &text);
    assert_eq!((code, refused), (2, complained));
}

#[test]
fn a_component_that_does_not_fit_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let counter = guest("counter");
    let text = format!(
        "[component.c]\npath = {counter:?}\n\
         [store.main]\nurl = 'memory:'\n\
         [component.d]\npath = {counter:?}\nstore = 'main'\n\
         [[trigger.http]]\ncomponent = 'c'\n\
         [[trigger.watch]]\ncomponent = 'd'\non = 'SET@k'\n"
    );
    let (code, _, complained) = check(folder.path(), &text, &[]);
    assert_eq!(code, 2, "{complained}");
    let warning = "warning: the component c imports wasi:keyvalue/";
    assert!(complained.starts_with(warning), "{complained}");
    let expected = "error: the component d cannot start: the component exports no \
                    wasi:keyvalue/watcher@0.2.0-draft2 or @0.2.0-draft, or \
                    wasi:keyvalue/handle-watch, which a watch trigger calls";
    assert!(complained.contains(expected), "{complained}");
    assert!(
        complained.contains("has 1 error and 1 warning"),
        "{complained}"
    );
    // A warning is shown, and stops nothing.
    let text = text.split("[[trigger.watch]]").next().unwrap();
    let (code, said, complained) = check(folder.path(), text, &[]);
    assert_eq!(code, 0, "{complained}");
    assert!(complained.starts_with(warning), "{complained}");
    assert!(
        said.contains("is valid, with 1 warning: 1 store, 2 components"),
        "{said}"
    );
}

#[test]
fn a_server_that_cannot_be_reached_is_reported_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing listens at port 1.
    let text = counter().replace("disk:data", "redis://u:hunter2@127.0.0.1:1");
    let (code, ..) = check(folder.path(), &text, &[]);
    assert_eq!(code, 0);
    let (code, _, complained) = check(folder.path(), &text, &["--online"]);
    assert_eq!(code, 2, "{complained}");
    let expected = "error: the store main: cannot open the store redis://127.0.0.1:1";
    assert!(complained.contains(expected), "{complained}");
    assert!(complained.contains("keywell.toml:2:7"), "{complained}");
    assert!(!complained.contains("hunter2"), "{complained}");
    let output = keywell().args(["up", "--online"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn standard_input_is_a_file_of_any_kind() {
    let folder = tempfile::tempdir().unwrap();
    let run = |text: &str, arguments: &[&str]| {
        let file = folder.path().join("input");
        std::fs::write(&file, text).unwrap();
        let mut up = keywell();
        up.arg("up").args(arguments).arg("-");
        up.stdin(std::fs::File::open(&file).unwrap());
        ran(&mut up, folder.path())
    };
    let (code, said, complained) = run(&counter(), &["--check"]);
    let expected = "standard input is valid: 1 store, 1 component and 1 trigger\n";
    assert_eq!((code, &*said), (0, expected), "{complained}");
    let (code, _, complained) = run("[store.main]\nurl = 7\n", &["--check"]);
    assert_eq!(code, 2);
    assert!(complained.contains("standard input:2:7"), "{complained}");
    let manifest = include_str!("../../keywell-config/tests/wadm/counter.yaml");
    let (code, said, complained) = run(manifest, &["--print"]);
    assert_eq!(code, 0, "{complained}");
    assert!(said.contains("[component.counter-app]\n"), "{said}");
    let (code, _, complained) = run("\u{ff}", &["--print"]);
    assert_eq!(code, 2, "{complained}");
}
