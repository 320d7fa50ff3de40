//! `keywell:keyvalue`: what its guests do, and that grants hold in all of its interfaces.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use support::{Server, guest, keywell};

/// Runs a command component on a store, and answers its exit code and what it printed.
fn run(component: &str, store: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let mut keywell = keywell();
    keywell.arg("run").arg(guest(component));
    keywell.args(["--store", store, "--"]).args(arguments);
    let output = keywell.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// Runs steps of the probe on a disk store, by these grants: what follows `buckets = `.
fn steps(folder: &Path, grants: &str, steps: &[&str]) -> Vec<String> {
    steps_on(folder, "[store.main]\nurl = \"disk:data\"\n", grants, steps)
}

/// As [`steps`], with these stores.
fn steps_on(folder: &Path, stores: &str, grants: &str, steps: &[&str]) -> Vec<String> {
    let file = folder.join("keywell.toml");
    let text = format!(
        "{stores}\
         [component.probe]\npath = {:?}\nbuckets = {grants}\n\
         [[trigger.command]]\ncomponent = \"probe\"\narguments = {steps:?}\n",
        guest("probe-keywell").to_str().unwrap(),
    );
    std::fs::write(&file, text).unwrap();
    let output = keywell().arg("up").arg(&file).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines();
    let lines = lines.map(|line| line.split_once("probe: ").map_or(line, |(_, line)| line));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_grant_for_reading_writes_nothing_by_any_call() {
    let folder = tempfile::tempdir().unwrap();
    let both = "{ main = { bucket = \"shop\" } }";
    steps(folder.path(), both, &["set:main:tea:green", "set:main:n:1"]);
    let grants = "{ main = { bucket = \"shop\", read-only = true }, own = \"own\" }";
    let refused = [
        "set:main:tea:black",
        "delete:main:tea",
        "increment:main:n",
        "transact:main:tea:black",
        "count:main:n",
        "both:own:tea:main",
    ];
    let answers = steps(folder.path(), grants, &refused);
    assert_eq!(answers, vec!["Error::AccessDenied"; refused.len()]);
    let answers = steps(
        folder.path(),
        grants,
        &["list:main", "get:own:tea", "check:main:tea", "watch:main"],
    );
    assert_eq!(
        answers,
        ["n=1 tea=green", "none", "Error::CheckFailed(0)", "open"]
    );
}

#[test]
fn a_prefix_is_not_left_by_any_call() {
    let folder = tempfile::tempdir().unwrap();
    let whole = "{ main = \"shop\" }";
    steps(
        folder.path(),
        whole,
        &["set:main:other/k:secret", "set:main:ten/k:own"],
    );
    let grants = "{ main = { bucket = \"shop\", prefix = \"ten/\" }, all = \"shop\" }";
    let answers = steps(
        folder.path(),
        grants,
        &[
            "watch:main:",
            "set:all:other/k:changed",
            "list:main:",
            "list:main:other/",
            "get:main:other/k",
            "many:main:other/k",
            "check:main:other/k",
            "check:main:k",
            "transact:main:other/k:mine",
            "count:main:n",
            "next",
            "list:all:",
        ],
    );
    assert_eq!(
        answers,
        [
            "open",
            "done",
            "k=own",
            "",
            "none",
            "0",
            "done",
            "Error::CheckFailed(0)",
            "done",
            "Some(1)",
            "other/k n",
            "other/k=changed ten/k=own ten/n=1 ten/other/k=mine",
        ]
    );
}

#[test]
fn what_is_reserved_or_not_granted_is_refused_and_limits_hold_in_transactions() {
    let folder = tempfile::tempdir().unwrap();
    let grants = "{ main = { bucket = \"shop\", max-value = 32, max-key = 32 } }";
    let long = "x".repeat(33);
    let answers = steps(
        folder.path(),
        grants,
        &[
            "get:other:k",
            "transact:keywell-triggers:k:v",
            "watch:keywell-triggers",
            &format!("transact:main:k:{long}"),
            &format!("transact:main:{long}:1"),
            &format!("watch:main:{long}"),
            &format!("transact:main:k:{}", &long[1..]),
        ],
    );
    for denied in &answers[..3] {
        assert_eq!(denied, "Error::AccessDenied");
    }
    for (answer, measure, max) in [
        (&answers[3], "ValueBytes", 32),
        (&answers[4], "KeyBytes", 32),
        (&answers[5], "KeyBytes", 32),
    ] {
        assert!(answer.starts_with("Error::TooLarge"), "{answer}");
        assert!(answer.contains(measure), "{answer}");
        assert!(answer.contains(&format!("max: {max}")), "{answer}");
    }
    assert_eq!(answers[6], "done");
}

#[test]
fn a_bucket_of_another_store_is_used_beside_and_has_no_part_in_transactions() {
    let folder = tempfile::tempdir().unwrap();
    let stores = "[store.main]\nurl = \"disk:data\"\n[store.other]\nurl = \"memory:\"\n";
    let grants = "{ a = { store = \"main\", bucket = \"shop\" }, \
                    b = { store = \"other\", bucket = \"shop\" } }";
    let answers = steps_on(
        folder.path(),
        stores,
        grants,
        &[
            "set:a:k:1",
            "set:b:k:2",
            "get:a:k",
            "get:b:k",
            "count:a:n",
            "count:b:n",
            "increment:b:n",
            "list:a:",
            "list:b:",
            "both:a:t:b",
            "get:a:t",
            "get:b:t",
            "watch:b:",
            "set:a:w:3",
            "set:b:x:4",
            "next",
        ],
    );
    let refused = "Error::Unsupported(\"transactions over several stores\")";
    assert_eq!(
        answers,
        [
            "done", "done", "1", "2", "Some(1)", "Some(1)", "2", "k=1 n=1", "k=2 n=2", refused,
            "none", "none", "open", "done", "done", "x",
        ]
    );
}

#[test]
fn a_subscription_resumes_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let grants = "{ main = \"shop\" }";
    let first = steps(
        folder.path(),
        grants,
        &["watch:main:", "set:main:a:1", "next", "there", "reached"],
    );
    assert_eq!(first[..4], ["open", "done", "a", "nothing"]);
    let resume = format!("watch:main::{}", first[4]);
    let second = steps(
        folder.path(),
        grants,
        &["set:main:b:2", &resume, "set:main:c:3", "next"],
    );
    assert_eq!(second[..3], ["done", "open", "done"]);
    assert_eq!(second[3], "b c");
}

#[test]
fn six_requests_of_one_client_are_one_too_many() {
    let server = Server::start("rate_limiter", &["--store", "memory:"]);
    for n in 1..=5 {
        let response = server.get("/ada");
        assert_eq!(
            (response.status, response.text()),
            (200, format!("/ada: {n} of 5\n"))
        );
    }
    assert_eq!(server.get("/ada").status, 429);
    assert_eq!(server.get("/ben").status, 200);
}

#[test]
fn money_is_moved_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("disk:{}", folder.path().display());
    let transfer = |arguments: &[&str]| run("transfer", &store, arguments);
    assert_eq!(
        transfer(&["deposit", "ada", "100"]),
        (Some(0), "ada: 100\n".into())
    );
    let moved = transfer(&["move", "ada", "ben", "30"]);
    assert_eq!(moved, (Some(0), "ada: 70\nben: 30\n".into()));
    let (code, text) = transfer(&["move", "ada", "ben", "71"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("ada has 70, less than 71"), "{text}");
    assert_eq!(transfer(&["balance", "ben"]), (Some(0), "ben: 30\n".into()));
}
