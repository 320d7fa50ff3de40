//! Configuration values and logs of components.

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
