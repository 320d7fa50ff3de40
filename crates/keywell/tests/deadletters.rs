//! `keywell deadletters`: what could not be delivered.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use support::alerts::Alerts;
use support::application::Application;
use support::{guest, keywell};

fn shop(alerts: &Alerts) -> String {
    let port = alerts.address.rsplit(':').next().unwrap();
    format!(
        "[store.main]\nurl = \"disk:data\"\n\
         [component.shop]\npath = {:?}\nstore = \"main\"\n\
         [component.alerts]\npath = {:?}\nstore = \"main\"\noutgoing = [\"localhost:{port}\"]\n\
         env.ALERT_URL = \"http://localhost:{port}/alert?{{key}}={{value}}\"\n\
         \n[[trigger.http]]\ncomponent = \"shop\"\naddr = \"127.0.0.1:0\"\n\
         \n[[trigger.watch]]\nname = \"alerts\"\ncomponent = \"alerts\"\non = \"SET@*,DEL@*\"\n\
         retries = 2\nbackoff = \"1ms\"\n",
        guest("mischief").to_str().unwrap(),
        guest("http_watcher").to_str().unwrap(),
    )
}

fn deadletters(folder: &Path, arguments: &[&str]) -> Output {
    let store = format!("disk:{}", folder.join("data").display());
    let mut keywell = keywell();
    keywell.arg("deadletters").args(arguments);
    keywell.args(["--store", &store]).output().unwrap()
}

fn letters(folder: &Path) -> Vec<Value> {
    let output = deadletters(folder, &["list", "--json"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Sets keys whose alerts are refused, waits until each was tried as often as it may be, and stops.
fn fail(folder: &Path, alerts: &Alerts, keys: &[&str]) {
    alerts.answer(503);
    let application = Application::start(folder, &shop(alerts));
    for key in keys {
        application.get(&format!("/set?key={key}&value=v"));
    }
    for _ in 0..keys.len() * 3 {
        assert_eq!(alerts.next().status, 503);
    }
    for _ in keys {
        application.logs("an event went to the dead letters");
    }
    application.stop();
    assert!(alerts.rest().is_empty(), "three attempts, and no more");
}

#[test]
fn what_failed_for_good_is_kept_and_can_be_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let alerts = Alerts::start();
    fail(folder.path(), &alerts, &["a", "b"]);
    let kept = letters(folder.path());
    assert_eq!(kept.len(), 2);
    let mut keys: Vec<_> = kept
        .iter()
        .map(|letter| letter["key"].as_str().unwrap())
        .collect();
    keys.sort_unstable();
    assert_eq!(keys, ["a", "b"]);
    for letter in &kept {
        assert_eq!(
            (&letter["trigger"], &letter["component"]),
            (&"alerts".into(), &"alerts".into())
        );
        assert_eq!(
            (&letter["operation"], &letter["value"]),
            (&"SET".into(), &"v".into())
        );
        assert_eq!(
            (&letter["attempts"], &letter["bucket"]),
            (&3.into(), &"default".into())
        );
        assert_eq!(letter["replaying"], false);
        assert!(!letter["reason"].as_str().unwrap().is_empty());
    }
    // As keys of a bucket they are JSON, too.
    let store = format!("disk:{}", folder.path().join("data").display());
    let bucket = ["--bucket", "keywell-deadletters", "--store", &store];
    let listed = keywell()
        .args(["kv", "list"])
        .args(bucket)
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let key = listed.lines().next().unwrap();
    let got = keywell()
        .args(["kv", "get", key])
        .args(bucket)
        .output()
        .unwrap();
    let got: Value = serde_json::from_slice(&got.stdout).unwrap();
    assert_eq!(got["operation"], "SET");

    // A person reads a line each.
    let listed = deadletters(folder.path(), &["list"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(listed.lines().count(), 2);
    assert!(
        listed.contains("s ago  SET \"a\" in default, 3 attempts: "),
        "{listed}"
    );

    let a = kept.iter().find(|letter| letter["key"] == "a").unwrap();
    let id = a["id"].as_str().unwrap();
    let replayed = deadletters(folder.path(), &["replay", id]);
    assert_eq!(
        String::from_utf8(replayed.stdout).unwrap(),
        format!("{id}\n")
    );
    let waiting = letters(folder.path());
    assert!(
        waiting
            .iter()
            .any(|letter| letter["key"] == "a" && letter["replaying"] == true)
    );

    // The trigger takes it when it starts, and nothing else.
    alerts.answer(200);
    let application = Application::start(folder.path(), &shop(&alerts));
    assert_eq!(alerts.next().target, "/alert?a=v");
    application.stop();
    assert!(alerts.rest().is_empty());
    let left = letters(folder.path());
    assert_eq!((left.len(), &left[0]["key"]), (1, &"b".into()));
}

#[test]
fn what_fails_again_is_back_among_the_letters() {
    let folder = tempfile::tempdir().unwrap();
    let alerts = Alerts::start();
    fail(folder.path(), &alerts, &["a"]);
    let replayed = deadletters(folder.path(), &["replay", "--all", "--json"]);
    let ids = String::from_utf8(replayed.stdout).unwrap();
    assert_eq!(ids.lines().count(), 1);
    assert!(ids.starts_with("\"alerts/"), "{ids}");
    let application = Application::start(folder.path(), &shop(&alerts));
    for _ in 0..3 {
        assert_eq!(alerts.next().target, "/alert?a=v");
    }
    application.logs("an event went to the dead letters");
    application.stop();
    let left = letters(folder.path());
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["replaying"], false);
}

#[test]
fn letters_are_removed_one_by_one_or_all() {
    let folder = tempfile::tempdir().unwrap();
    let alerts = Alerts::start();
    fail(folder.path(), &alerts, &["a", "b", "c"]);
    let kept = letters(folder.path());
    let id = kept[0]["id"].as_str().unwrap();
    assert!(deadletters(folder.path(), &["remove", id]).status.success());
    assert_eq!(letters(folder.path()).len(), 2);

    let again = deadletters(
        folder.path(),
        &["remove", id, kept[1]["id"].as_str().unwrap()],
    );
    assert_eq!(again.status.code(), Some(1));
    let printed = String::from_utf8(again.stderr).unwrap();
    assert!(printed.contains("there is no letter"), "{printed}");
    // The other of the two is gone all the same.
    assert_eq!(letters(folder.path()).len(), 1);

    let of_another = deadletters(folder.path(), &["remove", "--all", "--trigger", "other"]);
    assert!(of_another.status.success() && of_another.stdout.is_empty());
    assert_eq!(letters(folder.path()).len(), 1);
    assert!(
        deadletters(folder.path(), &["remove", "--all"])
            .status
            .success()
    );
    assert!(letters(folder.path()).is_empty());
}

#[test]
fn a_letter_that_cannot_be_read_is_reported_and_blocks_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let alerts = Alerts::start();
    fail(folder.path(), &alerts, &["a"]);
    // As a later release might write it, say.
    let store = format!("disk:{}", folder.path().join("data").display());
    let strange = ["letters/alerts/0", "{\"operation\":\"PUT\"}"];
    let bucket = ["--bucket", "keywell-deadletters", "--store", &store];
    let mut kv = keywell();
    kv.args(["kv", "set"]).args(strange).args(bucket);
    assert!(kv.output().unwrap().status.success());

    let listed = deadletters(folder.path(), &["list"]);
    let printed = String::from_utf8(listed.stdout).unwrap();
    assert!(printed.contains("SET \"a\" in default"), "{printed}");
    assert_eq!(printed.lines().count(), 1);
    let printed = String::from_utf8(listed.stderr).unwrap();
    assert!(printed.contains("\"alerts/0\" cannot be read"), "{printed}");
    assert_eq!(listed.status.code(), Some(1));

    let replayed = deadletters(folder.path(), &["replay", "--all", "--trigger", "alerts"]);
    let ids = String::from_utf8(replayed.stdout).unwrap();
    assert_eq!(ids.lines().next(), Some("alerts/0"));
    assert_eq!(ids.lines().count(), 2);
    alerts.answer(200);
    let application = Application::start(folder.path(), &shop(&alerts));
    application.logs("alerts/0");
    assert_eq!(alerts.next().target, "/alert?a=v");
    application.stop();
    let left = deadletters(folder.path(), &["list"]);
    assert!(left.stdout.is_empty(), "the other one was sent");
    assert_eq!(left.status.code(), Some(1));
    let removed = deadletters(folder.path(), &["remove", "--all"]);
    assert_eq!(removed.stdout, b"alerts/0\n");
    assert!(letters(folder.path()).is_empty());
}

#[test]
fn a_letter_says_what_the_component_said_last() {
    let folder = tempfile::tempdir().unwrap();
    let alerts = Alerts::start();
    fail(folder.path(), &alerts, &["a"]);
    let kept = letters(folder.path());
    let reason = kept[0]["reason"].as_str().unwrap();
    assert!(reason.contains("the answer is 503"), "{reason}");
}

#[test]
fn no_store_is_made_to_look_for_letters() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["list"][..], &["replay", "--all"], &["remove", "--all"]] {
        let output = deadletters(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let printed = String::from_utf8(output.stderr).unwrap();
        assert!(printed.contains("cannot open the store"), "{printed}");
        assert!(!folder.path().join("data").exists(), "{arguments:?}");
    }
}

#[test]
fn wrong_usage_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["replay"][..],
        &["remove", "x", "--all"],
        &["list", "x"],
        &[],
    ] {
        let output = deadletters(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    let memory = keywell()
        .args(["deadletters", "list", "--store", "memory:"])
        .output();
    assert_eq!(memory.unwrap().status.code(), Some(2));
    let none = deadletters(folder.path(), &["replay", "nothing"]);
    assert_eq!(none.status.code(), Some(1));
}
