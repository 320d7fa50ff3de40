//! Export and import.

use std::fs;

use crate::support::Scratch;

#[test]
fn what_is_exported_is_imported_as_it_was() {
    let scratch = Scratch::new();
    let bytes: Vec<u8> = (0..=255).collect();
    let keys = ["plain", "a \"key\"\nof \u{1f511} two lines", "\u{1}", "-"];
    for (n, key) in keys.iter().enumerate() {
        let value = [&bytes[..], &[u8::try_from(n).unwrap()]].concat();
        let arguments = ["set", "--store", "disk:old", "--", key, "-"];
        assert_eq!(scratch.kv_with(&arguments, &value).code, 0);
    }
    scratch.quiet(&[
        "set",
        "--store",
        "disk:old",
        "text",
        "a \"value\"\n\u{1f511}",
    ]);
    scratch.quiet(&["set", "--store", "disk:old", "empty", ""]);

    let exported = scratch.kv(["export", "--store", "disk:old"]);
    assert_eq!((exported.code, &*exported.err), (0, "exported 6 keys\n"));
    assert!(
        exported
            .text()
            .contains("{\"key\":\"text\",\"value\":\"a \\\"value\\\"\\n\u{1f511}\"}\n")
    );

    let imported = scratch.kv_with(&["import", "--store", "disk:new"], &exported.out);
    assert_eq!((imported.code, &*imported.err), (0, "imported 6 keys\n"));
    assert_eq!(imported.text(), "");
    assert_eq!(
        scratch.kv(["export", "--store", "disk:new"]).out,
        exported.out
    );
    for (n, key) in keys.iter().enumerate() {
        let value = [&bytes[..], &[u8::try_from(n).unwrap()]].concat();
        let ran = scratch.kv(["get", "--store", "disk:new", "--", key]);
        assert_eq!(ran.out, value, "{key:?}");
    }
}

/// The times at which keys expire, as an export of a store has them.
fn expirations(scratch: &Scratch, store: &str) -> Vec<(String, Option<i64>)> {
    let lines = scratch.kv(["export", "--store", store]);
    assert_eq!(lines.code, 0, "{lines:?}");
    let read = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let key = line["key"].as_str().unwrap().to_owned();
        (key, line["expiration"].as_i64())
    };
    lines.text().lines().map(read).collect()
}

/// Exports keys with times to live from one store, and imports them into another.
fn times_to_live_are_carried(scratch: &Scratch, from: &str, to: &str) {
    let seconds = || {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        i64::try_from(since.as_secs()).unwrap()
    };
    scratch.quiet(&["set", "--store", from, "kept", "v"]);
    let before = seconds();
    scratch.quiet(&["set", "--store", from, "--ttl", "90m", "session", "open"]);
    let after = seconds();
    let exported = expirations(scratch, from);
    let [(_, kept), (session, Some(at))] = &exported[..] else {
        panic!("{exported:?}");
    };
    assert_eq!((*kept, &**session), (None, "session"));
    // Rounded up to a second, and the end of a second is a second more than its beginning.
    let ends = before + 5400..=after + 5402;
    assert!(ends.contains(at), "{at} is not in {ends:?}");

    let lines = scratch.kv(["export", "--store", from]);
    let ran = scratch.kv_with(&["import", "--store", to], &lines.out);
    assert_eq!((ran.code, &*ran.err), (0, "imported 2 keys\n"));
    let copied = expirations(scratch, to);
    let [(_, None), (_, Some(copy))] = &copied[..] else {
        panic!("{copied:?}");
    };
    // Each copy expires up to a second after its original.
    assert!((*at..=at + 2).contains(copy), "{copy} after {at}");
}

#[test]
fn times_to_live_are_carried_between_folders() {
    let scratch = Scratch::new();
    times_to_live_are_carried(&scratch, "disk:old", "disk:new");
}

#[tokio::test]
async fn times_to_live_are_carried_between_the_layouts_of_redis() {
    let redis = keywell_servers::Redis::start().await.unwrap();
    let scratch = Scratch::new();
    let (plain, journal) = (redis.url(), format!("{}?layout=journal", redis.url()));
    times_to_live_are_carried(&scratch, &plain, &journal);
    times_to_live_are_carried(&scratch, &journal, "disk:copy");
    let flat = format!("{plain}?layout=flat&prefix=flat:");
    times_to_live_are_carried(&scratch, &flat, "disk:another");
}

#[test]
fn an_export_to_a_file_replaces_it_whole() {
    let scratch = Scratch::new();
    scratch.quiet(&["set", "a/1", "v"]);
    scratch.quiet(&["set", "b/1", "v"]);
    fs::write(scratch.path("backup"), "before").unwrap();
    let ran = scratch.kv(["export", "--prefix", "a/", "-o", "backup"]);
    assert_eq!(
        (ran.code, ran.text(), &*ran.err),
        (0, "", "exported 1 key\n")
    );
    let text = fs::read_to_string(scratch.path("backup")).unwrap();
    assert_eq!(text, "{\"key\":\"a/1\",\"value\":\"v\"}\n");
    assert_eq!(scratch.names(), [".keywell", "backup"]);
}

#[test]
fn an_export_that_fails_leaves_no_file() {
    let scratch = Scratch::new();
    scratch.quiet(&["set", "k", "v"]);
    scratch.quiet(&["delete", "k"]);
    fs::create_dir(scratch.path("folder")).unwrap();
    scratch
        .kv(["export", "-o", "folder"])
        .failed(1, "cannot write folder: ");
    scratch
        .kv(["export", "-o", "missing/backup"])
        .failed(1, "cannot write missing/backup: ");
    assert_eq!(scratch.names(), [".keywell", "folder"]);
    let device = scratch.kv(["export", "-o", "/dev/null"]);
    assert_eq!((device.code, &*device.err), (0, "exported 0 keys\n"));
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn a_large_store_goes_through_both_ways() {
    let scratch = Scratch::new();
    let line = |n| format!("{{\"key\":\"k{n:05}\",\"value\":\"{n}\"}}\n");
    let lines: String = (0..5000).map(line).collect();
    fs::write(scratch.path("lines"), &lines).unwrap();
    let ran = scratch.kv(["import", "lines"]);
    assert_eq!((ran.code, &*ran.err), (0, "imported 5000 keys\n"));
    assert_eq!(scratch.quiet(&["list"]).lines().count(), 5000);
    assert!(
        scratch.kv(["export"]).text() == lines,
        "the same lines come back"
    );
}

#[test]
fn of_a_key_given_twice_the_last_value_stands() {
    let scratch = Scratch::new();
    let lines = b"{\"key\":\"k\",\"value\":\"1\"}\n{\"key\":\"k\",\"value\":\"2\"}\n";
    assert_eq!(scratch.kv_with(&["import", "-"], lines).code, 0);
    assert_eq!(scratch.quiet(&["get", "k"]), "2");
}

#[test]
fn lines_may_begin_with_a_byte_order_mark_and_say_when_they_expire() {
    let scratch = Scratch::new();
    scratch.quiet(&["set", "past", "there"]);
    let lines = "\u{feff}{\"key\":\"a\",\"value\":\"1\"}\n\
        {\"key\":\"past\",\"value\":\"v\",\"expiration\":1578435000}\n\
        {\"key\":\"later\",\"value\":\"v\",\"expiration\":4000000000}\n\
        {\"key\":\"session\",\"value\":\"v\",\"expiration_ttl\":86400}\n";
    let ran = scratch.kv_with(&["import"], lines.as_bytes());
    assert_eq!(
        (ran.code, &*ran.err),
        (0, "imported 3 keys\ndeleted as expired: 1 key\n")
    );
    assert_eq!(scratch.quiet(&["list"]), "a\nlater\nsession\n");
    let both = b"\n{\"key\":\"k\",\"value\":\"\",\"expiration\":1,\"expiration_ttl\":1}\n";
    let ran = scratch.kv_with(&["import"], both);
    ran.failed(
        1,
        "standard input, line 2: both expiration and expiration_ttl are given",
    );
}

#[test]
fn a_wrong_line_is_named_and_what_stands_before_it_is_there() {
    let scratch = Scratch::new();
    let good = "{\"key\":\"a\",\"value\":\"1\"}\n\n{\"key\":\"b\",\"value\":\"2\"}\n";
    let late = "{\"key\":\"late\",\"value\":\"\"}\n";
    let long_key = format!("{{\"key\":\"{}\",\"value\":\"\"}}", "k".repeat(1025));
    for (line, problem) in [
        (
            "{\"key\":\"k\",\"value\":\"v\"",
            "line 4, column 22: EOF while parsing an object",
        ),
        (
            "{\"key\":\"k\",\"value\":\"\",\"ttl\":1}",
            "line 4, column 27: unknown field `ttl`",
        ),
        (
            "{\"key\":\"k\",\"value\":\"\",\"base64\":\"\"}",
            "line 4: both value and base64",
        ),
        ("{\"key\":\"k\"}", "line 4: neither value nor base64"),
        (
            "{\"key\":\"k\",\"base64\":\"_w\"}",
            "line 4: the field base64 is not base64",
        ),
        (
            "{\"key\":\"\",\"value\":\"\"}",
            "line 4: a key must not be empty",
        ),
        (&long_key, "line 4: the key is 1025 bytes long"),
    ] {
        fs::write(scratch.path("lines"), format!("{good}{line}\n{late}")).unwrap();
        let ran = scratch.kv(["import", "lines"]);
        ran.failed(1, &format!("keywell: lines, {problem}"));
        ran.failed(1, "; 2 keys imported before it, nothing after\n");
        assert_eq!(scratch.quiet(&["list"]), "a\nb\n");
    }
    let ran = scratch.kv_with(&["import"], b"\xff");
    ran.failed(1, "keywell: standard input, line 1, column 1: ");
    scratch
        .kv(["import", "missing"])
        .failed(1, "cannot read missing: ");
    scratch
        .kv(["import", "."])
        .failed(1, "keywell: . cannot be read: ");
}
