//! Lists and sets: by a component, by `keywell kv`, and shared by processes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use keywell_servers::Nats;
use support::{Server, guest, keywell};

/// Runs steps in one instance, and expects their answers.
fn expect(options: &[&str], steps: &[(&str, &str)]) {
    let mut keywell = keywell();
    keywell.arg("run").arg(guest("collections")).args(options);
    let script = steps.iter().map(|(step, _)| *step);
    let output = keywell.arg("--").args(script).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{options:?}: {error}");
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = steps.iter();
    let expected = expected.map(|(step, answer)| format!("{step} -> {answer}"));
    let expected: Vec<_> = expected.collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected, "{options:?}");
}

/// Runs `keywell kv` on a store, and answers what it printed.
fn kv(url: &str, arguments: &[&str]) -> String {
    let output = keywell()
        .arg("kv")
        .args(arguments)
        .args(["--store", url])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_component_has_all_operations_of_the_older_contract() {
    expect(
        &["--store", "nats-cache:"],
        &[
            ("open:", "ok"),
            ("get:k", "none"),
            ("set:k=hello", "ok"),
            ("get:k", "\"hello\""),
            ("exists:k", "true"),
            ("delete:k", "ok"),
            ("exists:k", "false"),
            ("add:n=5", "5"),
            ("add:n=-7", "-2"),
            ("get:n", "\"-2\""),
            // Lists.
            ("range:l=0,-1", ""),
            ("push:l=a", "1"),
            ("push:l=b", "2"),
            ("push:l=a", "3"),
            ("push:l=c", "4"),
            ("range:l=0,-1", "a b a c"),
            ("range:l=1,2", "b a"),
            ("range:l=-2,99", "a c"),
            ("range:l=9,10", ""),
            ("exists:l", "true"),
            ("list-item-delete:l=a", "2"),
            ("list-item-delete:l=a", "0"),
            ("range:l=0,-1", "b c"),
            ("clear:l", "2"),
            ("clear:l", "0"),
            ("exists:l", "false"),
            // Sets.
            ("set-query:s", ""),
            ("set-add:s=tea", "true"),
            ("set-add:s=cake", "true"),
            ("set-add:s=tea", "false"),
            ("set-query:s", "cake tea"),
            ("set-add:t=tea", "true"),
            ("set-add:t=milk", "true"),
            ("set-union:s,t,none", "cake milk tea"),
            ("set-intersection:s,t", "tea"),
            ("set-intersection:s,none", ""),
            ("set-remove:s=tea", "true"),
            ("set-remove:s=tea", "false"),
            ("set-query:s", "cake"),
            ("clear:t", "2"),
        ],
    );
}

#[test]
fn a_key_of_another_kind_is_refused_and_named() {
    expect(
        &["--store", "nats-cache:"],
        &[
            ("open:default", "ok"),
            ("push:l=item", "1"),
            ("set-add:s=member", "true"),
            ("set:v=text", "ok"),
            ("get:l", "wrong-kind Kind::List"),
            ("add:s=1", "wrong-kind Kind::Set"),
            ("push:v=item", "wrong-kind Kind::Value"),
            ("push:s=item", "wrong-kind Kind::Set"),
            ("range:s=0,-1", "wrong-kind Kind::Set"),
            ("set-add:l=member", "wrong-kind Kind::List"),
            ("set-union:s,v", "wrong-kind Kind::Value"),
            ("clear:v", "wrong-kind Kind::Value"),
            ("range:l=0,-1", "item"),
            // These are for every kind.
            ("set:l=text", "ok"),
            ("get:l", "\"text\""),
            ("delete:s", "ok"),
            ("push:s=item", "1"),
            ("push:=item", "invalid a key must not be empty"),
            ("open:other", "ok"),
            ("exists:l", "false"),
        ],
    );
}

#[test]
fn a_store_without_lists_and_sets_says_so_and_has_the_rest() {
    let unsupported = "unsupported lists and sets";
    expect(
        &["--store", "memory:"],
        &[
            ("open:", "ok"),
            ("push:l=item", unsupported),
            ("range:l=0,-1", unsupported),
            ("set-query:s", unsupported),
            ("clear:s", unsupported),
            ("set:k=text", "ok"),
            ("add:n=1", "1"),
            ("get:k", "\"text\""),
        ],
    );
}

#[test]
fn what_the_host_may_not_hold_for_an_instance_is_too_large() {
    expect(
        &["--store", "nats-cache:", "--memory", "8MiB"],
        &[
            ("open:", "ok"),
            ("fill:l=20000", "20000"),
            ("range:l=0,-1", "too-large Measure::BatchBytes"),
            ("range:l=0,-20000", &"i".repeat(1000)),
        ],
    );
}

#[test]
fn processes_share_lists_and_sets_on_a_server_of_nats() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let nats = runtime.block_on(Nats::start()).unwrap();
    let url = format!("nats-cache://{}/work", nats.addr());
    // Keeps the cache while commands come and go.
    let keeper = Server::start("counter", &["--store", &url]);
    assert_eq!(kv(&url, &["push", "jobs", "one"]), "1\n");
    assert_eq!(kv(&url, &["push", "jobs", "two"]), "2\n");
    assert_eq!(kv(&url, &["set-add", "online", "ann"]), "true\n");
    assert_eq!(kv(&url, &["set-add", "online", "ann"]), "false\n");
    expect(
        &["--store", &url],
        &[
            ("open:", "ok"),
            ("range:jobs=0,-1", "one two"),
            ("push:jobs=three", "3"),
            ("set-add:online=bob", "true"),
            ("set-add:away=bob", "true"),
        ],
    );
    assert_eq!(kv(&url, &["range", "jobs"]), "one\ntwo\nthree\n");
    assert_eq!(kv(&url, &["range", "jobs", "-2"]), "two\nthree\n");
    assert_eq!(kv(&url, &["range", "jobs", "0", "0"]), "one\n");
    assert_eq!(kv(&url, &["item-delete", "jobs", "two"]), "1\n");
    assert_eq!(
        kv(&url, &["range", "jobs", "--json"]),
        "\"one\"\n\"three\"\n"
    );
    assert_eq!(kv(&url, &["set-query", "online"]), "ann\nbob\n");
    assert_eq!(kv(&url, &["set-union", "away", "online"]), "ann\nbob\n");
    assert_eq!(kv(&url, &["set-intersection", "away", "online"]), "bob\n");
    assert_eq!(kv(&url, &["set-remove", "online", "ann"]), "true\n");
    assert_eq!(kv(&url, &["list"]), "away\njobs\nonline\n");
    assert_eq!(kv(&url, &["clear", "jobs"]), "2\n");
    assert_eq!(kv(&url, &["list"]), "away\nonline\n");
    assert_eq!(kv(&url, &["exists", "online"]), "true\n");
    drop(keeper);

    let wrong = keywell()
        .args(["kv", "push", "online", "item", "--store", "memory:"])
        .output();
    assert_eq!(wrong.unwrap().status.code(), Some(2));
    let folder = tempfile::tempdir().unwrap();
    let disk = format!("disk:{}", folder.path().display());
    let refused = keywell()
        .args(["kv", "push", "jobs", "one", "--store", &disk])
        .output();
    let refused = refused.unwrap();
    let error = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{error}");
    assert!(error.contains("does not offer lists and sets"), "{error}");
}

/// Grants of a bucket whose whole is granted beside them, in one instance.
#[test]
fn a_grant_holds_for_lists_and_sets() {
    let folder = tempfile::tempdir().unwrap();
    let script = [
        ("open:whole", "ok"),
        ("push:other/l=secret", "1"),
        ("set-add:other/s=secret", "true"),
        ("push:ten/l=own", "1"),
        ("set-add:ten/s=own", "true"),
        // A prefix is not left by any call.
        ("open:ten", "ok"),
        ("range:l=0,-1", "own"),
        ("range:other/l=0,-1", ""),
        ("exists:other/l", "false"),
        ("set-query:s", "own"),
        ("set-union:s,other/s", "own"),
        ("set-intersection:s,other/s", ""),
        ("push:other/l=mine", "1"),
        ("set-add:other/s=mine", "true"),
        ("list-item-delete:other/l=secret", "0"),
        ("set-remove:other/s=secret", "false"),
        ("clear:other/l", "1"),
        ("delete:other/s", "ok"),
        // A grant for reading writes nothing.
        ("open:reading", "ok"),
        ("range:ten/l=0,-1", "own"),
        ("set-query:ten/s", "own"),
        ("set-union:ten/s,other/s", "own secret"),
        ("exists:ten/l", "true"),
        ("push:ten/l=item", "access-denied"),
        ("list-item-delete:ten/l=own", "access-denied"),
        ("clear:ten/l", "access-denied"),
        ("set-add:ten/s=member", "access-denied"),
        ("set-remove:ten/s=own", "access-denied"),
        ("clear:ten/s", "access-denied"),
        ("set:ten/l=text", "access-denied"),
        ("add:ten/n=1", "access-denied"),
        ("delete:ten/l", "access-denied"),
        ("open:none", "access-denied"),
        // Nothing of it has changed.
        ("open:whole", "ok"),
        ("range:ten/l=0,-1", "own"),
        ("range:other/l=0,-1", "secret"),
        ("set-union:ten/s,other/s", "own secret"),
        ("exists:ten/other/s", "false"),
    ];
    let steps: Vec<&str> = script.iter().map(|(step, _)| *step).collect();
    let file = folder.path().join("keywell.toml");
    let text = format!(
        "[store.main]\nurl = \"nats-cache:\"\n\
         [component.steps]\npath = {:?}\n\
         buckets.whole = \"shop\"\n\
         buckets.ten = {{ bucket = \"shop\", prefix = \"ten/\" }}\n\
         buckets.reading = {{ bucket = \"shop\", read-only = true }}\n\
         [[trigger.command]]\ncomponent = \"steps\"\narguments = {steps:?}\n",
        guest("collections").to_str().unwrap(),
    );
    std::fs::write(&file, text).unwrap();
    let output = keywell().arg("up").arg(&file).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines();
    let lines = lines.map(|line| line.split_once("steps: ").map_or(line, |(_, line)| line));
    let expected = script.map(|(step, answer)| format!("{step} -> {answer}"));
    assert_eq!(lines.collect::<Vec<_>>(), expected);
}
