//! What makes no sense is refused with exit code 2, before anything is touched.

use crate::support::Scratch;

#[test]
fn wrong_usage_and_failure_have_different_exit_codes() {
    let scratch = Scratch::new();
    let long = "x".repeat(1025);
    for (arguments, words) in [
        (&["get"][..], "<KEY>"),
        (&["get", ""], "a key must not be empty"),
        (&["get", &long], "the key is 1025 bytes long"),
        (
            &["get", "k", "--bucket", "a\nb"],
            "a bucket name is at most 255 bytes",
        ),
        (
            &["get", "k", "--store", "nothing"],
            "a store is written SCHEME:PLACE",
        ),
        (
            &["get", "k", "--store", "ftp:x"],
            "unknown store scheme ftp:; known: memory:, disk:PATH",
        ),
        (&["get", "k", "--store", "disk:"], "write disk:PATH"),
        (
            &["get", "k", "--store", "disk:x?cache=big"],
            "the store disk:x: the setting cache must be a number of bytes, such as 4096 or 64MiB",
        ),
        (
            &["get", "k", "--store", "memory:"],
            "lives inside one process",
        ),
        (&["set", "k"], "<VALUE|--file"),
        (&["set", "k", "v", "--file", "x"], "cannot be used with"),
        (&["set", "k", "v", "--ttl", "0s"], "at least 1ms"),
        (
            &["set", "k", "v", "--ttl", "999999999h"],
            "at most 100 years",
        ),
        (&["set", "k", "v", "--ttl", "30"], "ms, s, m or h"),
        (&["delete"], "<KEY>"),
        (
            &["increment", "k", "one"],
            "invalid value 'one' for '[DELTA]': write a whole number from -9223372036854775808 to",
        ),
        (
            &["increment", "k", "9223372036854775808"],
            "write a whole number from",
        ),
        (
            &["list", "--limit", "0"],
            "invalid value '0' for '--limit <N>': write a whole number from 1 to",
        ),
        (
            &["watch", "--count", "few"],
            "write a whole number from 0 to",
        ),
        (&["get", "k", "--store", "mem:"], "did you mean memory:?"),
        (&["list", "--json", "--null"], "cannot be used with"),
        (
            &["watch", "--key", "a", "--prefix", "b"],
            "cannot be used with",
        ),
        (&["watch", "--count", "-1"], "'-1'"),
        (&["vacuum"], "unrecognized subcommand"),
    ] {
        scratch.kv(arguments).failed(2, words);
    }
    assert!(scratch.names().is_empty(), "no store was made");
}

#[test]
fn errors_of_a_store_do_not_show_its_password() {
    let scratch = Scratch::new();
    for url in [
        "redis://u:hunter2@localhost?layout",
        "redis:u:hunter2@localhost?a=hunter2&a=hunter2",
        "redis://u:hunter2@localhost?layout=hunter2",
    ] {
        let ran = scratch.kv(["get", "k", "--store", url]);
        ran.failed(2, "store");
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    }
}

#[test]
fn a_value_that_is_too_large_is_not_written() {
    let scratch = Scratch::new();
    let value = vec![b'x'; (16 << 20) + 1];
    let ran = scratch.kv_with(&["set", "k", "-"], &value);
    ran.failed(
        1,
        "standard input has more than the 16777216 bytes that a value may have",
    );
    scratch
        .kv(["set", "k", "--file", "missing"])
        .failed(1, "cannot read missing: ");
    assert_eq!(scratch.kv(["exists", "k"]).code, 1);
    assert_eq!(scratch.kv_with(&["set", "k", "-"], &value[1..]).code, 0);
    assert_eq!(scratch.kv(["get", "k"]).out.len(), 16 << 20);
}

#[test]
fn the_store_is_named_before_or_after_the_subcommand_or_in_the_environment() {
    let scratch = Scratch::new();
    scratch.quiet(&["--store", "disk:a", "set", "k", "v"]);
    assert_eq!(scratch.quiet(&["get", "--store", "disk:a", "k"]), "v");
    let mut command = scratch.command(["get", "k"]);
    assert_eq!(
        command
            .env("KEYWELL_STORE", "disk:a")
            .output()
            .unwrap()
            .stdout,
        b"v"
    );
    assert_eq!(scratch.names(), ["a"]);
}

#[test]
fn every_subcommand_has_help_with_an_example() {
    let scratch = Scratch::new();
    for subcommand in [
        "get",
        "set",
        "delete",
        "exists",
        "list",
        "increment",
        "watch",
        "import",
        "export",
        "copy",
        "buckets",
        "backup",
        "compact",
        "check",
    ] {
        let text = scratch.quiet(&[subcommand, "--help"]);
        assert!(text.contains("Example"), "{subcommand}");
        assert!(
            text.contains(&format!("keywell kv {subcommand}")),
            "{subcommand}"
        );
        assert!(text.contains("--store <URL>"), "{subcommand}");
        assert!(text.contains("--bucket <NAME>"), "{subcommand}");
    }
}

#[test]
fn what_only_reads_makes_no_store() {
    let scratch = Scratch::new();
    for arguments in [
        &["get", "k"][..],
        &["exists", "k"],
        &["list"],
        &["export"],
        &["buckets"],
        &["delete", "k"],
        &["backup", "copy"],
        &["compact"],
        &["check"],
    ] {
        let ran = scratch.kv(arguments);
        ran.failed(1, "there is no store in ");
    }
    assert!(scratch.names().is_empty(), "no store was made");
}
