//! `--metrics`: what is counted of the calls of stores, and where it is printed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::Value;
use support::application::{Application, get};
use support::{guest, keywell};

/// The cells of the row of an operation, in a table among other lines.
fn row(lines: &[String], bucket: &str, operation: &str) -> Vec<String> {
    let mut rows = lines.iter().map(|line| line.split_whitespace());
    let found = rows.find(|cells| {
        let cells: Vec<_> = cells.clone().take(3).collect();
        cells == ["main", bucket, operation]
    });
    let found = found.unwrap_or_else(|| panic!("no {operation} of {bucket}: {lines:#?}"));
    found.map(str::to_owned).collect()
}

/// What a script does in bucket `a`, and what the program prints to standard error besides.
fn run(arguments: &[&str], script: &[&str]) -> Vec<String> {
    run_probe("probe-draft2", arguments, script)
}

fn run_probe(probe: &str, arguments: &[&str], script: &[&str]) -> Vec<String> {
    let mut keywell = keywell();
    keywell.arg("run").arg(guest(probe));
    keywell.args(["--store", "memory:"]).args(arguments);
    let output = keywell.arg("--").args(script).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{error}");
    error.lines().map(str::to_owned).collect()
}

const SCRIPT: [&str; 8] = [
    "open:a",
    "set:key=value",
    "get:key",
    "get:key",
    "get:none",
    "increment:n=1",
    "increment:key=1",
    "get-many:key,none,n",
];

#[test]
fn a_command_ends_with_a_table_of_its_calls() {
    let lines = run(&["--metrics"], &SCRIPT);
    let head = "store bucket operation calls bytes p50 p99 max errors";
    assert!(
        lines[0].split_whitespace().eq(head.split(' ')),
        "{lines:#?}"
    );
    for (operation, calls, bytes, errors) in [
        ("get", "3", "10", "0"),
        ("set", "1", "8", "0"),
        ("increment", "2", "4", "1 invalid"),
        ("get-many", "1", "6", "0"),
    ] {
        let row = row(&lines, "a", operation);
        assert_eq!(row[3..5], [calls, bytes], "{operation}: {lines:#?}");
        for time in &row[5..8] {
            assert!(time.ends_with('s') && time != "0.0ns", "{lines:#?}");
        }
        assert_eq!(row[8..].join(" "), errors, "{operation}");
    }
    assert_eq!(lines.len(), 5, "{lines:#?}");
}

#[test]
fn calls_of_keywells_own_interface_are_counted_too() {
    let script = [
        "set:a:key:value",
        "get:a:key",
        "delete:a:none",
        "increment:a:n",
        "increment:a:key",
        "many:a:key",
        "list:a:",
        "transact:a:t:text",
        "count:a:n",
        "check:a:key",
    ];
    let lines = run_probe("probe-keywell", &["--metrics"], &script);
    for (operation, calls, bytes, errors) in [
        ("get", "1", "5", "0"),
        ("set", "1", "8", "0"),
        ("delete", "1", "4", "0"),
        ("increment", "2", "4", "1 invalid"),
        ("get-many", "1", "5", "0"),
        ("list", "1", "10", "0"),
        // A write each, and a check that does not hold.
        ("transact", "3", "6", "0"),
    ] {
        let row = row(&lines, "a", operation);
        assert_eq!(row[3..5], [calls, bytes], "{operation}: {lines:#?}");
        for time in &row[5..8] {
            assert!(time.ends_with('s') && time != "0.0ns", "{lines:#?}");
        }
        assert_eq!(row[8..].join(" "), errors, "{operation}");
    }
    assert_eq!(lines.len(), 8, "{lines:#?}");
}

#[test]
fn nothing_is_counted_unless_asked_for() {
    assert_eq!(run(&[], &SCRIPT), [""; 0]);
}

#[test]
fn rows_are_lines_of_a_log_that_is_json_whatever_is_logged() {
    let lines = run(&["--metrics", "--log-json", "--log", "off"], &SCRIPT);
    let rows = lines.iter().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["fields"].clone()
    });
    let rows: Vec<Value> = rows.collect();
    let of = |operation: &str| {
        let row = rows.iter().find(|row| row["operation"] == operation);
        row.unwrap_or_else(|| panic!("no {operation}: {lines:#?}"))
    };
    let increment = of("increment");
    assert_eq!(increment["store"], "main");
    assert_eq!(increment["bucket"], "a");
    assert_eq!(increment["calls"], 2);
    assert_eq!(increment["bytes"], 4);
    assert_eq!(increment["errors"], 1);
    assert_eq!(increment["invalid"], 1);
    let get = of("get");
    assert_eq!((&get["calls"], &get["errors"]), (&3.into(), &0.into()));
    assert!(get.get("invalid").is_none(), "{get}");
    let [p50, p99, max] = ["p50_nanos", "p99_nanos", "max_nanos"].map(|name| {
        let nanos = get[name].as_u64();
        nanos.unwrap_or_else(|| panic!("{name}: {get}"))
    });
    assert!(0 < p50 && p50 <= p99 && p99 <= max, "{get}");
}

#[test]
fn a_server_counts_the_calls_of_all_requests() {
    let mut command = keywell();
    command.arg("serve").arg(guest("counter"));
    command.args(["--addr", "127.0.0.1:0", "--store", "memory:", "--metrics"]);
    let mut server = Application::spawn(&mut command, 1);
    for n in 1..=100 {
        assert_eq!(server.get("/x").text(), format!("Counter /x: {n}\n"));
    }
    server.signal("-TERM");
    let (status, lines) = server.ends();
    assert!(status.success());
    let row = row(&lines, "default", "increment");
    assert_eq!(row[3..5], ["100", "200"], "{lines:#?}");
    assert_eq!(row[8], "0");
}

#[test]
fn components_of_an_application_are_counted_together_by_what_their_store_has() {
    let folder = tempfile::tempdir().unwrap();
    let mischief = guest("mischief");
    let text = format!(
        "[store.main]\nurl = \"memory:\"\n\
         [component.owner]\npath = {mischief:?}\nbuckets = {{ default = \"shared\" }}\n\
         [component.reader]\npath = {mischief:?}\n\
         buckets.default = {{ bucket = \"shared\", read-only = true, prefix = \"p/\" }}\n\
         \n[[trigger.http]]\ncomponent = \"owner\"\naddr = \"127.0.0.1:0\"\n\
         \n[[trigger.http]]\ncomponent = \"reader\"\naddr = \"127.0.0.1:0\"\n"
    );
    let file = folder.path().join("keywell.toml");
    std::fs::write(&file, text).unwrap();
    let mut command = keywell();
    command.arg("up").arg(&file).arg("--metrics");
    let mut application = Application::spawn(&mut command, 2);
    let addresses = application.lines.iter();
    let addresses: Vec<String> = addresses
        .map(|line| line.split("http://").nth(1).unwrap().to_owned())
        .collect();
    let [owner, reader] = &addresses[..] else {
        panic!("{addresses:?}");
    };
    assert_eq!(get(owner, "/set?key=p/k&value=v").text(), "ok");
    assert_eq!(get(owner, "/get?key=p/k").text(), "v");
    assert_eq!(get(reader, "/get?key=k").text(), "v");
    // It does not reach the store.
    let refused = get(reader, "/set?key=k&value=w").text();
    assert_eq!(refused, "error: access-denied");
    application.signal("-TERM");
    let (status, lines) = application.ends();
    assert!(status.success());
    assert_eq!(row(&lines, "shared", "get")[3..5], ["2", "2"], "{lines:#?}");
    assert_eq!(row(&lines, "shared", "set")[3..5], ["1", "4"], "{lines:#?}");
}
