//! Interfaces beside WASI and `wasi:keyvalue`: configuration values, secrets, links and logs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::process::Output;

use support::application::refusal;
use support::{guest, keywell};

/// Runs the guest with options of the program and with steps.
fn run(options: &[&str], steps: &[&str]) -> Output {
    let mut command = keywell();
    command.arg("run").arg(guest("settings"));
    command.args(["--store", "memory:"]).args(options);
    command.arg("--").args(steps).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_component_reads_its_values_by_every_interface_and_the_later_of_two_wins() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("values");
    fs::write(&file, "# values\ncolour = blue\nsize=1\n").unwrap();
    let options = [
        "--config",
        "size=2",
        "--config-file",
        file.to_str().unwrap(),
        "--config",
        "empty=",
        "--config",
        "url=a=b",
    ];
    let steps = ["get:colour", "get:size", "get:missing", "all"];
    let expected = "colour: Some(\"blue\")\nsize: Some(\"2\")\nmissing: None\n\
        [(\"colour\", \"blue\"), (\"empty\", \"\"), (\"size\", \"2\"), (\"url\", \"a=b\")]\n";
    assert_eq!(stdout(&run(&options, &steps)), expected);
    assert_eq!(
        stdout(&run(&[], &["get:colour", "all"])),
        "colour: None\n[]\n"
    );
}

#[test]
fn a_wrong_value_is_refused_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("values");
    fs::write(&file, "a=1\nhunter2\n").unwrap();
    let file = file.to_str().unwrap();
    for options in [["--config", "hunter2"], ["--config-file", file]] {
        let refused = run(&options, &["all"]);
        let message = stderr(&refused);
        assert_eq!(refused.status.code(), Some(2), "{message}");
        assert!(message.contains("write KEY=VALUE"), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
    let refused = run(&["--config-file", "/nowhere"], &["all"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("No such file"), "{refused:?}");
}

#[test]
fn what_a_component_logs_is_shown_from_info_on_with_its_level_and_name() {
    let steps = [
        "log:debug:shop:unseen",
        "log:info:shop:open",
        "log:warn::low\u{1b}[2J\nforged",
        "log:critical:shop:closed",
    ];
    let logged = stderr(&run(&[], &steps));
    assert!(
        !logged.contains("unseen") && !logged.contains('\u{1b}'),
        "{logged}"
    );
    // One of each for each of the two interfaces. A message may have several lines.
    let count = |text: &str| logged.matches(text).count();
    assert_eq!(
        count(" INFO open component=\"settings.wasm\" context=\"shop\""),
        2,
        "{logged}"
    );
    assert_eq!(count(" WARN low"), 2, "{logged}");
    assert_eq!(
        count("  forged component=\"settings.wasm\"\n"),
        2,
        "{logged}"
    );
    assert_eq!(
        count("ERROR closed component=\"settings.wasm\""),
        2,
        "{logged}"
    );

    let shown = stderr(&run(&["--log", "component=debug"], &steps));
    assert!(shown.contains("unseen"), "{shown}");
    let silent = stderr(&run(&["--log", "error"], &steps));
    assert!(
        !silent.contains("open") && silent.contains("closed"),
        "{silent}"
    );

    let json = stderr(&run(&["--log-json"], &steps));
    let line = json.lines().find(|line| line.contains("open")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let fields = &line["fields"];
    assert_eq!(
        (&line["level"], &fields["context"]),
        (&"INFO".into(), &"shop".into())
    );
    assert_eq!(fields["component"], "settings.wasm");
    assert_eq!(fields["message"], "open");
}

#[test]
fn a_flood_of_messages_is_cut_off_and_counted() {
    let logged = stderr(&run(&[], &["flood:2000"]));
    let passed = logged.lines().filter(|line| line.contains("xxxx")).count();
    assert!((64..1000).contains(&passed), "{passed} of 2000");
    assert!(
        logged.contains("lines were dropped here"),
        "{}",
        logged.len()
    );
}

#[test]
fn keywell_toml_has_the_values_of_each_component() {
    let folder = tempfile::tempdir().unwrap();
    let component = guest("counter");
    let text = |config: &str| {
        format!(
            "[store.main]\nurl = \"memory:\"\n[component.a]\npath = {component:?}\nstore = \"main\"\n\
             config = {config}\n[[trigger.http]]\ncomponent = \"a\"\naddr = \"127.0.0.1:0\"\n"
        )
    };
    let (code, message) = refusal(folder.path(), &text("[\"a\"]"));
    assert_eq!(code, 2, "{message}");
    assert!(
        message.contains("component.a.config should be a table"),
        "{message}"
    );
    let (code, message) = refusal(folder.path(), &text("{ a = [1] }"));
    assert_eq!(code, 2, "{message}");
    assert!(
        message.contains("component.a.config.a should be"),
        "{message}"
    );
}

#[test]
fn a_component_without_secrets_and_links_runs_and_has_none() {
    let steps = [
        "secret:token",
        "link:1.0.0:default:store,atomics,batch",
        "link:2.0.0:default:store,atomics,batch",
        "link:2.0.1:default:store,atomics,batch",
        "bucket",
        "count:k",
        "many:k",
    ];
    let expected = "token: not-found\nlink: default\nlink: default\nlink: default\n\
        bucket: opened\ncount: 1\nmany: 1\n";
    assert_eq!(stdout(&run(&[], &steps)), expected);
}

#[test]
fn a_link_that_is_not_there_is_refused_at_once_or_in_its_calls() {
    for version in ["2.0.0", "2.0.1"] {
        let link = format!("link:{version}:cache:store,atomics");
        let expected = "link: interface `wasi:keyvalue/store` does not have an existing link with name \
             `cache`\nbucket: opened\ncount: 1\n";
        assert_eq!(stdout(&run(&[], &[&link, "bucket", "count:k"])), expected);
    }
    // 1.0.0 has no answer. Each interface has its own choice.
    let unchecked = run(
        &[],
        &[
            "link:1.0.0:cache:atomics,types",
            "bucket",
            "count:k",
            "batch:k=v",
            "has:k",
            "link:1.0.0:default:atomics",
            "count:n",
            "link:1.0.0:cache:batch",
            "many:k",
            "unbatch:k",
            "has:k",
            "link:1.0.0:cache:store",
            "has:k",
            "bucket",
        ],
    );
    let expected = "link: cache\nbucket: opened\ncount: access-denied\nbatch: done\nhas: true\n\
        link: default\ncount: 1\nlink: cache\nmany: access-denied\nunbatch: access-denied\n\
        has: true\nlink: cache\nhas: true\nbucket: access-denied\n";
    assert_eq!(stdout(&unchecked), expected);
    let logged = stderr(&unchecked);
    let warning = "WARN interface `wasi:keyvalue/atomics` does not have an existing link with name \
        `cache` component=\"settings.wasm\" context=\"wasmcloud:bus\"";
    assert!(logged.contains(warning), "{logged}");
}
