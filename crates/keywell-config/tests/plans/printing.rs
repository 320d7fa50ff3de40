//! A plan that is printed is read as it was.

use std::path::{Path, PathBuf};

use keywell_config::{Draft, Plan};

use super::{Known, applications, is_whole, read, tests};

/// Checks that a plan is read as it is printed.
fn check(plan: &Plan) {
    let printed = plan.to_toml();
    let folder = plan
        .file
        .as_deref()
        .and_then(Path::parent)
        .unwrap_or(Path::new(""));
    let known = Known::new(&printed.variables);
    let again = Draft::from_toml_with(&folder.join("printed.toml"), &printed.text, &known);
    let problems = &again.report;
    assert!(is_whole(problems), "{problems}\n{}", printed.text);
    let (again_bare, bare) = (again.plan.without_places(), plan.without_places());
    assert_eq!(again_bare, bare, "{}", printed.text);
    assert_eq!(again.plan.to_toml().text, printed.text);
}

#[test]
fn every_plan_of_a_manifest_is_read_as_it_is_printed() {
    let mut plans = 0;
    for (files, _) in applications() {
        let draft = read(&files);
        if is_whole(&draft.report) {
            check(&draft.plan);
            plans += 1;
        }
    }
    assert!(plans > 20, "{plans}");
}

#[test]
fn every_example_is_read_as_it_is_printed() {
    let examples = tests().join("../../../examples");
    let mut files = 0;
    for folder in std::fs::read_dir(examples).unwrap() {
        let file = folder.unwrap().path().join("keywell.toml");
        if file.exists() {
            let draft = read(&[file]);
            assert!(!draft.report.has_errors(), "{}", draft.report);
            check(&draft.plan);
            files += 1;
        }
    }
    assert!(files > 0);
}

/// One with every key that is read.
fn whole() -> Plan {
    let text = r#"
        [limits]
        memory = "64MiB"
        timeout = "90s"
        instances = 7
        connections = 9
        write-timeout = "1500ms"
        total-memory = "3GiB"

        [store."a b"]
        url = { env = "URL" }
        answer-timeout = "2s"
        password = { env = "PASSWORD" }

        [store.other]
        url = "memory:"

        [store.third]
        url = { secret = "stored" }
        layout = { env = "LEVEL" }

        [component."ü \"x\""]
        path = "sub/x.wasm"
        env = { LEVEL = "debug", COLOUR = { env = "LEVEL" }, "a.b" = "redis://u:hunter2@h" }
        config = { greeting = "hello\nworld", token = "hunter2", level = { env = "LEVEL" }, url = "redis://u:hunter2@h" }
        outgoing = ["localhost:3001", "*.example.com"]
        store = "a b"
        memory = "192KiB"
        timeout = "2h"

        [component."ü \"x\"".buckets]
        p = "q"
        r = { store = "other", bucket = "s", read-only = true, prefix = "p/", max-key = 9, max-value = 64 }

        [component.two]
        path = "/abs/y.wasm"

        [[trigger.http]]
        component = "two"
        addr = "[::1]:0"
        reuse = 3
        concurrency = 20

        [[trigger.invoke]]
        component = "two"
        addr = "127.0.0.1:8090"
        path = "/api"
        host = "a.example"
        reuse = 5
        timeout = "3s"
        functions = ["golem:examples/api@0.1.0", "ping"]
        max-body = 4096
        cors = true
        keep-alive = false
        tls = { certificate = "c.pem", key = "/abs/k.pem" }

        [worker."cart-*"]
        component = "two"
        journal = "a b"
        snapshot-every = 0

        [worker.one]
        component = "two"
        journal = "other"
        interrupted-requests = "retry"

        [[trigger.worker]]
        worker = "cart-*"
        addr = "127.0.0.1:8091"
        functions = "ping"
        max-body = 4096

        [[trigger.worker]]
        worker = "one"
        path = "/"
        addr = "127.0.0.1:8091"

        [[trigger.watch]]
        component = "ü \"x\""
        on = ["SET@a*", "DEL@b"]
        name = "n"
        parallel = 2
        deadline = "5s"
        retries = 0
        backoff = "10ms"
        hops = 3
        positions = "other"
        dead-letters = { store = "other", bucket = "dead" }

        [[trigger.watch]]
        component = "ü \"x\""
        bucket = "r"
        on = "SET@c"
        dead-letters = "letters"
        optional = true
    "#;
    let variables = [
        ("URL", "redis://:hunter2@h:1/2"),
        ("PASSWORD", "hunter2"),
        ("LEVEL", "hunter2"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned().into()));
    let file = PathBuf::from("shop/keywell.toml");
    let draft = Draft::from_toml_with(&file, text, &Known::new(&variables));
    assert!(!draft.report.has_errors(), "{}", draft.report);
    draft.plan
}

#[test]
fn a_plan_with_every_key_is_read_as_it_is_printed() {
    let plan = whole();
    check(&plan);
    let printed = plan.to_toml();
    assert!(!printed.text.contains("hunter2"), "{}", printed.text);
    assert!(!format!("{printed:?}").contains("hunter2"));
    let names = printed.variables.iter().map(|(name, _)| &**name);
    let expected = [
        "A_B_URL",
        "A_B_PASSWORD",
        "THIRD_URL",
        "THIRD_LAYOUT",
        "___X__TOKEN",
        "___X__LEVEL",
        "___X__URL",
        "___X__COLOUR",
        "___X__A_B",
    ];
    assert_eq!(names.collect::<Vec<_>>(), expected);
    for line in [
        "# Paths start at the folder \"shop\": keep this file there.",
        "#   A_B_URL: the url of the store a b",
        "path = \"sub/x.wasm\"",
        "path = \"/abs/y.wasm\"",
        "greeting = \"hello\\nworld\"",
        "LEVEL = \"debug\"",
        "optional = true",
        "memory = \"192KiB\"",
    ] {
        assert!(
            printed.text.lines().any(|of| of == line),
            "{line}\n{}",
            printed.text
        );
    }
}
