//! `keywell conformance`, as its user sees it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The program, with nothing of this machine's settings.
fn keywell(arguments: &[&str]) -> Output {
    let mut keywell = Command::new(env!("CARGO_BIN_EXE_keywell"));
    keywell
        .env_remove("KEYWELL_STORE")
        .env_remove("KEYWELL_LOG");
    keywell.env_remove("NO_COLOR");
    keywell.args(arguments).output().unwrap()
}

fn conformance(store: &str, more: &[&str]) -> Output {
    keywell(&[&["conformance", "--store", store], more].concat())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn at(folder: &Path) -> String {
    format!("disk:{}", folder.join("store").display())
}

fn buckets(store: &str) -> String {
    text(&keywell(&["kv", "buckets", "--store", store]).stdout)
}

/// Ends with exit code 1 and this line on standard error, and nothing else.
fn is_refused(output: &Output, line: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(line), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn the_memory_store_keeps_every_promise() {
    let output = conformance("memory:", &[]);
    let table = text(&output.stdout);
    assert!(output.status.success(), "{table}{}", text(&output.stderr));
    for group in [
        "store",
        "paging",
        "atomics",
        "batch",
        "collections",
        "watch",
        "ttl",
        "limits",
        "errors",
        "isolation",
        "concurrency",
        "all",
    ] {
        let line = table
            .lines()
            .find(|line| line.split(' ').next() == Some(group));
        let line = line.unwrap_or_else(|| panic!("{group} is missing:\n{table}"));
        assert!(line.ends_with(" 0"), "{line}");
    }
    assert!(table.contains("every promise is kept"), "{table}");
    assert!(
        !table.contains('\u{1b}'),
        "no colours but on a terminal: {table}"
    );
}

#[test]
fn the_disk_store_keeps_every_promise_and_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let store = at(folder.path());
    let set = keywell(&["kv", "set", "mine", "v", "--store", &store]);
    assert!(set.status.success());
    let output = conformance(&store, &["--json"]);
    let json = text(&output.stdout);
    assert!(output.status.success(), "{json}{}", text(&output.stderr));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["store"], store);
    assert_eq!(json["failed"], 0);
    let behaviours = json["behaviours"].as_array().unwrap();
    let mut refused = behaviours.iter().filter(|one| one["outcome"] == "refused");
    assert!(refused.all(|one| one["group"] == "collections"), "{json}");
    assert!(behaviours.len() >= 80);
    let outcome = |name: &str| {
        let one = behaviours.iter().find(|one| one["name"] == name);
        one.unwrap_or_else(|| panic!("{name} is missing"))["outcome"].clone()
    };
    assert_eq!(outcome("a_stale_swap_writes_nothing"), "kept");
    assert_eq!(outcome("what_was_written_survives_a_restart"), "kept");
    assert_eq!(
        buckets(&store),
        "default\n",
        "what the suite wrote is deleted"
    );
    let mine = keywell(&["kv", "get", "mine", "--store", &store]);
    assert_eq!(text(&mine.stdout), "v");
}

#[test]
fn one_given_bucket_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let store = at(folder.path());
    let output = conformance(&store, &["--bucket", "trial", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let json: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!(json["failed"], 0);
    let groups = json["groups"].as_array().unwrap();
    let isolation = groups
        .iter()
        .find(|one| one["group"] == "isolation")
        .unwrap();
    assert_eq!(isolation["kept"], 0, "{isolation}");
    assert_eq!(buckets(&store), "");
}

#[test]
fn a_bucket_that_is_not_empty_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = at(folder.path());
    let mine = ["kv", "set", "mine", "v", "--store", &store, "--bucket", "b"];
    assert!(keywell(&mine).status.success());
    is_refused(&conformance(&store, &["--bucket", "b"]), "b is not empty");
    let mine = keywell(&["kv", "get", "mine", "--store", &store, "--bucket", "b"]);
    assert_eq!(text(&mine.stdout), "v");
}

#[test]
fn a_store_that_cannot_be_used_is_reported_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("store");
    let store = at(folder.path());
    // Of another kind or version: no database of this program.
    std::fs::create_dir(&place).unwrap();
    std::fs::write(place.join("data.redb"), "SQLite format 3\0".repeat(1000)).unwrap();
    is_refused(&conformance(&store, &[]), "cannot open the store");
    // Not there, and not to be made.
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let beneath = format!("disk:{}", file.join("store").display());
    is_refused(&conformance(&beneath, &[]), "cannot open the store");
    is_refused(&conformance(&beneath, &["--json"]), "cannot open the store");
}

#[test]
fn a_store_that_another_process_has_open_is_reported_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let store = at(folder.path());
    let mut watching = Command::new(env!("CARGO_BIN_EXE_keywell"))
        .args(["kv", "import", "--store", &store])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let is_claimed = || {
        let lock = std::fs::read_to_string(folder.path().join("store/lock"));
        lock.is_ok_and(|holder| holder.contains(&watching.id().to_string()))
    };
    while !is_claimed() {
        std::thread::yield_now();
    }
    is_refused(&conformance(&store, &[]), "cannot open the store");
    drop(watching.stdin.take());
    watching.wait().unwrap();
}

#[test]
fn an_interrupted_run_deletes_what_it_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let store = at(folder.path());
    let running = Command::new(env!("CARGO_BIN_EXE_keywell"))
        .args(["conformance", "--store", &store])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !folder.path().join("store/data.redb").exists() {
        std::thread::yield_now();
    }
    let pid = running.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(sent.success());
    let output = running.wait_with_output().unwrap();
    is_refused(&output, "was tested in part: interrupted after");
    assert_eq!(buckets(&store), "");
}

#[tokio::test]
async fn on_a_redis_that_emits_no_events_all_but_watching_is_tried() {
    let redis = keywell_servers::Redis::start().await.unwrap();
    let store = redis.url();
    let output = conformance(&store, &[]);
    let table = text(&output.stdout);
    assert!(output.status.success(), "{table}{}", text(&output.stderr));
    let said = table
        .lines()
        .find(|line| line.starts_with("watching was not tried: "));
    let said = said.unwrap_or_else(|| panic!("{table}"));
    assert!(said.contains("CONFIG SET notify-keyspace-events"), "{said}");
    assert!(
        table.contains("every promise that was tried is kept"),
        "{table}"
    );
    let json = text(&conformance(&store, &["--json"]).stdout);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["failed"], 0);
    assert!(json["kept"].as_u64().unwrap() > 100, "{}", json["kept"]);
    assert!(json["watching_not_tried"].is_string());
    let groups = json["groups"].as_array().unwrap();
    let watch = groups.iter().find(|one| one["group"] == "watch").unwrap();
    assert_eq!(watch["kept"], 0, "{watch}");
    assert_eq!(buckets(&store), "");
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    for arguments in [
        &["conformance", "--store", "nowhere"][..],
        &["conformance", "--store", "redis-of-old:x"],
        &["conformance", "--store", "memory:", "--bucket", "a\nb"],
    ] {
        assert_eq!(keywell(arguments).status.code(), Some(2), "{arguments:?}");
    }
    let help = text(&keywell(&["conformance", "--help"]).stdout);
    assert!(
        help.contains("Examples:\n  keywell conformance --store"),
        "{help}"
    );
}
