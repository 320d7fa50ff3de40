//! Components of Spin's SDK, and both versions of Spin's key-value.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;

use support::application::Application;
use support::{Server, guest, keywell};

/// Runs a script of one version, and answers what it printed.
fn answers(version: &str, options: &[&str], steps: &[&str]) -> Vec<String> {
    let mut keywell = keywell();
    keywell.arg("run").arg(guest("spin")).args(options);
    let output = keywell.args(["--", version]).args(steps).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{version} {options:?}: {error}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Runs a script of one version, and expects the answers.
fn expect(version: &str, options: &[&str], steps: &[(&str, &str)]) {
    let script: Vec<&str> = steps.iter().map(|(step, _)| *step).collect();
    let expected = steps.iter();
    let expected: Vec<_> = expected
        .map(|(step, answer)| format!("{step} -> {answer}"))
        .collect();
    assert_eq!(
        answers(version, options, &script),
        expected,
        "{version} {options:?}"
    );
}

#[test]
fn a_component_of_the_sdk_counts_and_reads_its_variables() {
    let store = ["--store", "memory:", "--config", "label=Hits of"];
    let server = Server::start("counter_spin", &store);
    assert_eq!(server.get("/tea").text(), "Hits of /tea: 1\n");
    assert_eq!(server.get("/tea").text(), "Hits of /tea: 2\n");
    assert_eq!(server.get("/cake").text(), "Hits of /cake: 1\n");
    assert_eq!(server.get("/tea?get").text(), "2\n");
    assert_eq!(server.get("/?keys").text(), "/cake /tea\n");
    assert_eq!(server.get("/tea?delete").text(), "/tea is there: false\n");
    assert_eq!(server.get("/?keys").text(), "/cake\n");
    // Another store is another bucket.
    assert_eq!(server.get("/tea?store=other").text(), "Hits of /tea: 1\n");
    assert_eq!(server.get("/tea?get").text(), "0\n");
}

#[test]
fn labels_are_the_buckets_that_a_component_is_granted() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[store.main]\nurl = \"disk:data\"\n[component.counter]\npath = {:?}\n\
         buckets = {{ default = \"counts\", finance = \"money\" }}\n\
         \n[[trigger.http]]\ncomponent = \"counter\"\naddr = \"127.0.0.1:0\"\n",
        guest("counter_spin").to_str().unwrap(),
    );
    let application = Application::start(folder.path(), &text);
    let get = |path: &str| application.get(path).text();
    assert_eq!(get("/a"), "Counter /a: 1\n");
    assert_eq!(get("/a?store=default"), "Counter /a: 2\n");
    assert_eq!(get("/a?store=finance"), "Counter /a: 1\n");
    assert_eq!(get("/a?store=money"), "access-denied\n");
    let listed = keywell()
        .args(["kv", "get", "/a", "--bucket", "money", "--store"])
        .arg(format!("disk:{}", folder.path().join("data").display()))
        .output()
        .unwrap();
    assert_eq!(listed.stdout, b"1", "{listed:?}");
    application.stop();
}

#[test]
fn both_versions_read_and_write_every_store() {
    let calls = |missing: &'static str| {
        [
            ("open:default", "ok"),
            ("get:k", missing),
            ("exists:k", "false"),
            ("set:k=v", "ok"),
            ("get:k", "\"v\""),
            ("set:a=", "ok"),
            ("get:a", "\"\""),
            ("keys", "a k"),
            ("exists:k", "true"),
            ("delete:k", "ok"),
            ("delete:k", "ok"),
            ("keys", "a"),
            ("open:other", "ok"),
            ("keys", ""),
        ]
    };
    for (version, missing) in [("1", "error no-such-key"), ("2", "none")] {
        let folder = tempfile::tempdir().unwrap();
        for store in ["memory:", &format!("disk:{}", folder.path().display())] {
            expect(version, &["--store", store], &calls(missing));
        }
    }
}

#[test]
fn what_is_refused_is_an_error_of_the_version() {
    let memory = ["--store", "memory:"];
    let empty = "a key must not be empty";
    expect(
        "1",
        &memory,
        &[
            ("get:k", "error invalid-store"),
            ("keys", "error invalid-store"),
            ("open:default", "ok"),
            ("get:", &format!("error io: {empty}")),
            ("close", "ok"),
            ("close", "ok"),
            ("set:k=v", "error invalid-store"),
            ("many:5000", "error store-table-full"),
        ],
    );
    expect(
        "2",
        &memory,
        &[
            ("open:default", "ok"),
            ("get:", &format!("error other: {empty}")),
            ("open:keywell-triggers", "error access-denied"),
            ("many:5000", "error store-table-full"),
            ("get:k", "none"),
        ],
    );
}

#[test]
fn more_keys_than_the_host_may_hold_are_refused() {
    let limit = ": the host holds at most 4194304 bytes for an instance, a limit that follows from \
                 its memory limit";
    let refusal = "the keys of the bucket are more than one list may have";
    for (version, kind) in [("1", "io"), ("2", "other")] {
        let options = ["--store", "memory:", "--memory", "4MiB"];
        let lines = answers(version, &options, &["open:default", "fill:5000", "keys"]);
        assert_eq!(lines[1], "fill:5000 -> ok");
        assert_eq!(lines[2], format!("keys -> error {kind}: {refusal}{limit}"));
    }
}

#[test]
fn values_are_those_of_the_configuration() {
    let options = ["--store", "memory:", "--config", "tea=green"];
    let nothing = "there is no value of the name \"cake\"";
    let wrong = "\"No Name\" is not a name: it is written with lower-case letters, digits and _, a \
                 letter first";
    for (version, undefined, invalid) in [
        ("1", "provider", "invalid-key"),
        ("2", "undefined", "invalid-name"),
    ] {
        expect(
            version,
            &options,
            &[
                ("config:tea", "green"),
                ("config:cake", &format!("error {undefined}: {nothing}")),
                ("config:No Name", &format!("error {invalid}: {wrong}")),
            ],
        );
    }
}

#[test]
fn what_is_not_offered_of_spin_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| {
        let path = folder.path().join("it.wasm");
        fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
        path
    };
    let path = write(
        r#"(component (import "fermyon:spin/sqlite@2.0.0" (instance
            (export "open" (func (param "database" string))))))"#,
    );
    let output = keywell().arg("inspect").arg(path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("fermyon:spin/sqlite@2.0.0   NOT OFFERED: Spin's own; key-value, config"),
        "{text}"
    );

    let path =
        write(r#"(component (instance $i) (export "fermyon:spin/inbound-http" (instance $i)))"#);
    let mut serve = keywell();
    serve.arg("serve").arg(path).args(["--store", "memory:"]);
    let output = serve.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("it exports fermyon:spin/inbound-http; build it with Spin's SDK 5 or later"),
        "{text}"
    );
}
