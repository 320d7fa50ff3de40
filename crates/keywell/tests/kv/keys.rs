//! Single keys, counters and listings.

use std::os::unix::ffi::OsStrExt as _;

use crate::support::Scratch;

/// Line ends, quotes, an emoji and a leading hyphen.
const AWKWARD: &str = "-a \"key\"\nof \u{1f511} two lines";

#[test]
fn a_value_comes_back_byte_by_byte() {
    let scratch = Scratch::new();
    scratch.quiet(&["set", "greeting", "hello"]);
    assert_eq!(scratch.quiet(&["get", "greeting"]), "hello");

    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(scratch.kv_with(&["set", "all", "-"], &bytes).code, 0);
    assert_eq!(scratch.kv(["get", "all"]).out, bytes);

    std::fs::write(scratch.path("file"), &bytes).unwrap();
    scratch.quiet(&["set", "from-file", "--file", "file"]);
    assert_eq!(scratch.kv(["get", "from-file"]).out, bytes);

    let word = std::ffi::OsStr::from_bytes(b"\xff");
    let arguments = ["set".as_ref(), "word".as_ref(), word];
    assert_eq!(scratch.kv(arguments).code, 0);
    assert_eq!(scratch.kv(["get", "word"]).out, b"\xff");

    scratch.quiet(&["set", "empty", ""]);
    assert_eq!(scratch.quiet(&["get", "empty"]), "");
    scratch.quiet(&["set", "cold", "-5"]);
    assert_eq!(scratch.quiet(&["get", "cold"]), "-5");
}

#[test]
fn json_has_text_as_text_and_the_rest_in_base64() {
    let scratch = Scratch::new();
    scratch.quiet(&["set", "--", AWKWARD, "a \"value\"\n"]);
    let text = scratch.quiet(&["get", "--json", "--", AWKWARD]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        json,
        serde_json::json!({"key": AWKWARD, "value": "a \"value\"\n"})
    );

    scratch.kv_with(&["set", "k", "-"], b"\xff\xfe");
    let text = scratch.quiet(&["get", "k", "--json"]);
    assert_eq!(text, "{\"key\":\"k\",\"base64\":\"//4=\"}\n");
}

#[test]
fn a_missing_key_prints_nothing_and_fails() {
    let scratch = Scratch::new();
    scratch.quiet(&["set", "another", "v"]);
    let ran = scratch.kv(["get", "k"]);
    ran.failed(1, "");
    assert_eq!(
        ran.err,
        "keywell: there is no key \"k\" in bucket default\n"
    );
    let ran = scratch.kv(["get", "k", "--json", "--bucket", "words"]);
    ran.failed(1, "there is no key \"k\" in bucket words");
}

#[test]
fn exists_answers_in_words_and_in_its_exit_code() {
    let scratch = Scratch::new();
    scratch.quiet(&["set", "k", "v"]);
    assert_eq!(scratch.quiet(&["exists", "k"]), "true\n");
    let ran = scratch.kv(["exists", "x"]);
    assert_eq!((ran.code, ran.text(), &*ran.err), (1, "false\n", ""));
}

#[test]
fn keys_are_deleted_whether_or_not_they_are_there() {
    let scratch = Scratch::new();
    for key in ["a", "b", "c"] {
        scratch.quiet(&["set", key, "v"]);
    }
    scratch.quiet(&["delete", "a"]);
    scratch.quiet(&["delete", "b", "missing", "b"]);
    scratch.quiet(&["delete", "missing"]);
    assert_eq!(scratch.quiet(&["list"]), "c\n");
}

#[test]
fn a_key_with_a_time_to_live_goes() {
    let scratch = Scratch::new();
    scratch.quiet(&["set", "k", "v", "--ttl", "1h"]);
    assert_eq!(scratch.quiet(&["exists", "k"]), "true\n");
    scratch.quiet(&["set", "k", "v", "--ttl", "1ms"]);
    // A process takes longer to start than that, and nothing is claimed of how much longer.
    while scratch.kv(["exists", "k"]).code == 0 {}
    assert_eq!(scratch.quiet(&["list"]), "");
}

#[test]
fn a_counter_counts_both_ways_and_stays_within_its_range() {
    let scratch = Scratch::new();
    assert_eq!(scratch.quiet(&["increment", "n"]), "1\n");
    assert_eq!(scratch.quiet(&["increment", "n", "41"]), "42\n");
    assert_eq!(scratch.quiet(&["increment", "n", "-50"]), "-8\n");
    assert_eq!(scratch.quiet(&["get", "n"]), "-8");

    scratch.quiet(&["set", "n", "9223372036854775807"]);
    scratch.kv(["increment", "n"]).failed(1, "range");
    scratch.quiet(&["set", "n", "many"]);
    let ran = scratch.kv(["increment", "n"]);
    ran.failed(
        1,
        "cannot increment the key \"n\" in bucket default: the value is not a number",
    );
    assert_eq!(scratch.quiet(&["get", "n"]), "many");
}

#[test]
fn a_listing_can_be_read_whatever_the_keys_are() {
    let scratch = Scratch::new();
    for key in [AWKWARD, "b/1", "b/2", "c"] {
        scratch.quiet(&["set", "--", key, "v"]);
    }
    assert_eq!(scratch.quiet(&["list", "--prefix", "b/"]), "b/1\nb/2\n");
    assert_eq!(
        scratch.quiet(&["list", "-0"]),
        format!("{AWKWARD}\0b/1\0b/2\0c\0")
    );
    assert_eq!(
        scratch.quiet(&["list", "--limit", "2", "--null"]),
        format!("{AWKWARD}\0b/1\0")
    );
    let text = scratch.quiet(&["list", "--json"]);
    let keys: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(keys, [AWKWARD, "b/1", "b/2", "c"]);
}

#[test]
fn buckets_keep_their_keys_apart() {
    let scratch = Scratch::new();
    scratch.quiet(&["set", "k", "one"]);
    scratch.quiet(&["set", "k", "two", "--bucket", "a \"second\""]);
    assert_eq!(scratch.quiet(&["--bucket", "", "get", "k"]), "one");
    assert_eq!(
        scratch.quiet(&["--bucket", "a \"second\"", "get", "k"]),
        "two"
    );
    assert_eq!(scratch.quiet(&["buckets"]), "a \"second\"\ndefault\n");
    assert_eq!(
        scratch.quiet(&["buckets", "--json"]),
        "\"a \\\"second\\\"\"\n\"default\"\n"
    );
}
