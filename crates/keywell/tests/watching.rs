//! Components that react, run by the program: what is delivered, and what is not lost.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

// The watcher's texts, which are made of nothing but text.
#[allow(unreachable_pub, reason = "it is a module of the guest")]
#[path = "../../../guests/http-watcher/src/alert.rs"]
mod alert;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;

use support::alerts::{Alert, Alerts};
use support::application::Application;
use support::{guest, keywell};

/// A component that writes on request, and the watcher, on one store. `more` is behind the
/// watch trigger's table.
fn shop(store: &str, alerts: &Alerts, watcher: &str, more: &str) -> String {
    let port = alerts.address.rsplit(':').next().unwrap();
    format!(
        "[store.main]\nurl = {store:?}\n\
         [component.shop]\npath = {:?}\nstore = \"main\"\n\
         [component.alerts]\npath = {:?}\nstore = \"main\"\noutgoing = [\"localhost:{port}\"]\n\
         env.ALERT_URL = \"http://localhost:{port}/alert?{{key}}={{value}}\"\n\
         \n[[trigger.http]]\ncomponent = \"shop\"\naddr = \"127.0.0.1:0\"\n\
         \n[[trigger.watch]]\nname = \"alerts\"\ncomponent = \"alerts\"\nbackoff = \"1ms\"\n{more}\n",
        guest("mischief").to_str().unwrap(),
        guest(watcher).to_str().unwrap(),
    )
}

/// A text as it is written in a query.
fn encode(text: &str) -> String {
    text.bytes()
        .fold(String::new(), |text, byte| text + &format!("%{byte:02X}"))
}

fn set(application: &Application, key: &str, value: &str) {
    let path = format!("/set?key={}&value={}", encode(key), encode(value));
    assert_eq!(application.get(&path).text(), "ok");
}

fn delete(application: &Application, key: &str) {
    let path = format!("/delete?key={}", encode(key));
    assert_eq!(application.get(&path).text(), "ok");
}

#[test]
fn every_change_of_a_watched_key_is_an_alert() {
    for watcher in [
        "http_watcher",
        "http_watcher_draft",
        "http_watcher_0_1_0",
        "http_watcher_unversioned",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let alerts = Alerts::start();
        let text = shop("memory:", &alerts, watcher, "on = \"SET@*,DEL@*\"");
        let application = Application::start(folder.path(), &text);
        assert_eq!(
            application.lines[1],
            "alerts watches SET@*,DEL@* in bucket default of main"
        );
        for (key, value, target) in [
            ("foo", "bar", "/alert?foo=bar"),
            ("café & b", "a=b?", "/alert?caf%C3%A9%20%26%20b=a%3Db%3F"),
            ("empty", "", "/alert?empty="),
        ] {
            set(&application, key, value);
            let alert = alerts.next();
            assert_eq!(alert.line(), format!("GET {target}"));
            assert!(!alert.has("x-keywell-value-encoding: base64"));
        }
        delete(&application, "foo");
        assert_eq!(alerts.next().line(), "GET /alert?foo=nil");
        // A counter's change is a change like others.
        application.get("/many?key=n&n=1");
        assert_eq!(alerts.next().line(), "GET /alert?n=1");
        application.stop();
        assert!(alerts.rest().is_empty());
    }
}

#[test]
fn only_what_is_subscribed_to_is_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let alerts = Alerts::start();
    let on = "on = [\"SET@order:*\", \"DEL@gone,SET@=a*b\"]";
    let text = shop("memory:", &alerts, "http_watcher", on);
    let application = Application::start(folder.path(), &text);
    for key in ["order", "order:1", "gone", "axb", "a*b", "xorder:2"] {
        set(&application, key, "1");
        delete(&application, key);
    }
    set(&application, "order:last", "1");
    let mut lines = BTreeSet::new();
    while !lines.contains("GET /alert?order%3Alast=1") {
        lines.insert(alerts.next().line());
    }
    application.stop();
    lines.extend(alerts.rest().iter().map(Alert::line));
    let expected = [
        "GET /alert?a%2Ab=1",
        "GET /alert?gone=nil",
        "GET /alert?order%3A1=1",
        "GET /alert?order%3Alast=1",
    ];
    assert_eq!(Vec::from_iter(lines), expected);
}

#[test]
fn events_of_a_key_are_alerts_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let alerts = Alerts::start();
    let text = shop("memory:", &alerts, "http_watcher", "on = \"SET@*\"");
    let application = Application::start(folder.path(), &text);
    application.get("/many?key=n&n=100");
    for n in 1..=100 {
        assert_eq!(alerts.next().target, format!("/alert?n={n}"));
    }
}

#[test]
fn the_request_is_what_the_environment_says() {
    let folder = tempfile::tempdir().unwrap();
    let alerts = Alerts::start();
    let body = r#"
env.ALERT_CONTENT_TYPE = "application/json"
env.ALERT_BODY = '{"op":"{operation}","key":"{key}","value":"{value}"}'
"#;
    let text = shop("memory:", &alerts, "http_watcher", "on = \"SET@*,DEL@*\"");
    let text = text.replace("\nenv.ALERT_URL", &format!("{body}env.ALERT_URL"));
    let text = text.replace("alert?{key}={value}", "hook/{operation}");
    let application = Application::start(folder.path(), &text);
    set(&application, "a\"b", "c");
    let alert = alerts.next();
    assert_eq!(alert.line(), "POST /hook/SET");
    assert!(alert.has("content-type: application/json"));
    assert_eq!(alert.body, r#"{"op":"SET","key":"a\"b","value":"c"}"#);
    delete(&application, "a\"b");
    assert_eq!(
        alerts.next().body,
        r#"{"op":"DEL","key":"a\"b","value":"nil"}"#
    );
}

#[test]
fn what_is_answered_with_an_error_is_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let alerts = Alerts::start();
    let on = "on = \"SET@*\"\nretries = 1000";
    let text = shop("memory:", &alerts, "http_watcher", on);
    let application = Application::start(folder.path(), &text);
    for status in [500, 404, 302] {
        alerts.answer(status);
        set(&application, "k", &status.to_string());
        for _ in 0..2 {
            let alert = alerts.next();
            assert_eq!(
                (alert.status, alert.target),
                (status, format!("/alert?k={status}"))
            );
        }
        alerts.answer(204);
        while alerts.next().status != 204 {}
    }
    // Each was sent well once, and not again.
    set(&application, "other", "1");
    assert_eq!(alerts.next().target, "/alert?other=1");
    application.stop();
    assert!(alerts.rest().is_empty());
}

#[test]
fn an_answer_is_good_by_its_status_whether_its_body_ends_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let alerts = Alerts::start();
    alerts.answer_without_end();
    let text = shop("memory:", &alerts, "http_watcher", "on = \"SET@*\"");
    let application = Application::start(folder.path(), &text);
    for value in ["1", "2"] {
        // The second comes once the first is through.
        set(&application, "k", value);
        assert_eq!(alerts.next().target, format!("/alert?k={value}"));
    }
    application.stop();
    assert!(alerts.rest().is_empty());
}

#[test]
fn an_answer_counts_though_the_body_was_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let alerts = Alerts::start();
    // It answers as soon as it has the head, and reads no more.
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = refusing.local_addr().unwrap().to_string();
    let (hold, until) = mpsc::channel::<()>();
    thread::spawn(move || {
        let (mut stream, _) = refusing.accept().unwrap();
        let answer = b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n";
        stream.read_exact(&mut [0; 4]).unwrap();
        stream.write_all(answer).unwrap();
        let _ = until.recv();
    });
    let on = "on = \"SET@big\"\nretries = 0";
    let text = shop("memory:", &alerts, "http_watcher", on);
    let text = text.replace(
        "\nenv.ALERT_URL",
        "\nenv.ALERT_BODY = \"{value}\"\nenv.ALERT_URL",
    );
    let text = text.replace("/alert?{key}={value}", "/alert");
    let text = text.replace(
        alerts.address.rsplit(':').next().unwrap(),
        address.rsplit(':').next().unwrap(),
    );
    let application = Application::start(folder.path(), &text);
    assert_eq!(application.get("/big?n=15000000").text(), "ok");
    let line = application.logs("no alert");
    assert!(line.contains("the answer is 413"), "{line}");
    drop(hold);
    application.stop();
}

#[test]
fn why_an_alert_cannot_be_sent_is_reported_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let alerts = Alerts::start();
    let on = "on = \"SET@*\"\nretries = 0";
    let text = shop("memory:", &alerts, "http_watcher", on);
    let text = text.replace("http://localhost", "http://user:hunter2@localhost");
    let application = Application::start(folder.path(), &text);
    assert_eq!(application.get("/big?n=100000").text(), "ok");
    let line = application.logs("no alert");
    let printed = "the URL is 100011 bytes long from its path on, and at most 65534 may be; send the value in ALERT_BODY";
    assert!(line.contains(printed), "{}", &line[..line.len().min(1000)]);
    assert!(line.len() < 500, "{} bytes", line.len());
    // Requests with a login in their URL are refused.
    set(&application, "k", "hunter2");
    let line = application.logs("no alert");
    assert!(line.contains("GET to localhost:"), "{line}");
    assert!(!line.contains("hunter2"), "{line}");
    application.stop();
}

#[test]
fn serve_watches_and_answers_at_once() {
    let alerts = Alerts::start();
    let mut serve = keywell();
    serve.arg("serve").arg(guest("mischief"));
    let arguments = ["--store", "memory:", "--watch", "SET@*"];
    let output = serve
        .args(arguments)
        .args(["--addr", "127.0.0.1:0"])
        .output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1), "mischief exports no watcher");
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(printed.contains("wasi:keyvalue/watcher"), "{printed}");
    assert!(output.stdout.is_empty());

    // A component that only watches listens nowhere, and no address is taken.
    let mut serve = keywell();
    serve.arg("serve").arg(guest("http_watcher"));
    serve.args(["--store", "memory:", "--allow-http", &alerts.address]);
    serve.args([
        "--watch",
        "SET@a",
        "--watch",
        "DEL@a,SET@b",
        "--watch-bucket",
        "orders",
    ]);
    let mut application = Application::spawn(&mut serve, 1);
    assert_eq!(
        application.lines[0],
        "http_watcher.wasm watches SET@a,DEL@a,SET@b in bucket orders of memory:, and listens nowhere"
    );
    application.signal("-INT");
    assert!(application.wait().success());
}

#[test]
fn inspect_shows_the_watcher() {
    for (name, generation) in [
        ("http_watcher", "0.2.0-draft2"),
        ("http_watcher_draft", "0.2.0-draft"),
    ] {
        let output = keywell().arg("inspect").arg(guest(name)).output().unwrap();
        assert!(output.status.success());
        let printed = String::from_utf8(output.stdout).unwrap();
        let export = format!("  wasi:keyvalue/watcher@{generation}\n");
        assert!(printed.contains(&export), "{printed}");
        assert!(
            printed.ends_with("runs with      keywell serve --watch\n"),
            "{printed}"
        );
    }
}

#[test]
fn what_cannot_be_watched_is_refused_at_the_start() {
    let watcher = guest("http_watcher");
    let watcher = watcher.to_str().unwrap();
    let disk = tempfile::tempdir().unwrap();
    let without_history = format!("disk:{}?history=0", disk.path().display());
    for (arguments, code, printed) in [
        (
            &["--watch", "SET@a,PUT@b"][..],
            2,
            "at character 7 of \"SET@a,PUT@b\": expected an operation",
        ),
        (&["--watch", ""], 2, "at character 1 of \"\""),
        (&["--watch-bucket", "x"], 2, "--watch"),
        (&[], 1, "wasi:http/incoming-handler"),
        (
            &["--watch", "SET@a", "--store", &without_history],
            1,
            "watch",
        ),
    ] {
        let mut serve = keywell();
        serve.args(["serve", watcher]).args(arguments);
        if !arguments.contains(&"--store") {
            serve.args(["--store", "memory:"]);
        }
        let output = serve.stdin(Stdio::null()).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.contains(printed), "{arguments:?}: {error}");
    }
}

#[test]
fn a_kill_loses_no_event_on_disk() {
    let kills = std::env::var("KEYWELL_KILLS").map_or(5, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let alerts = Alerts::start();
    let on = "on = \"SET@*\"\nretries = 1000";
    let text = shop("disk:data", &alerts, "http_watcher", on);
    let mut expected = BTreeSet::new();
    let mut received = BTreeSet::new();
    for round in 0..kills {
        let application = Application::start(folder.path(), &text);
        // While it is down for them, alerts gather.
        alerts.answer(if round % 2 == 0 { 503 } else { 200 });
        for n in 0..20 {
            let key = format!("k{round}.{n}");
            set(&application, &key, "v");
            expected.insert(format!("/alert?{key}=v"));
        }
        application.kill();
        received.extend(well(alerts.rest()));
    }
    alerts.answer(200);
    let application = Application::start(folder.path(), &text);
    while received != expected {
        let alert = alerts.next();
        received.extend(well(vec![alert]));
        assert!(received.is_subset(&expected));
    }
    application.stop();
}

/// The targets of those that were answered well.
fn well(alerts: Vec<Alert>) -> impl Iterator<Item = String> {
    let well = alerts.into_iter().filter(|alert| alert.status == 200);
    well.map(|alert| alert.target)
}

#[test]
fn a_stop_lets_a_delivery_finish() {
    let folder = tempfile::tempdir().unwrap();
    let alerts = Alerts::start();
    let text = shop("disk:data", &alerts, "http_watcher", "on = \"SET@*\"");
    let mut application = Application::start(folder.path(), &text);
    set(&application, "k", "1");
    // Sent before it is answered, so the delivery runs when the signal comes, or has just ended.
    assert_eq!(alerts.next().target, "/alert?k=1");
    application.signal("-TERM");
    assert!(application.wait().success());
    // It is not delivered again.
    let application = Application::start(folder.path(), &text);
    set(&application, "k", "2");
    assert_eq!(alerts.next().target, "/alert?k=2");
    application.stop();
    assert!(alerts.rest().is_empty());
}

#[test]
fn the_example_works_as_it_is_shipped() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/http-watcher");
    let text = std::fs::read_to_string(example.join("keywell.toml")).unwrap();
    let alerts = Alerts::start();
    let port = alerts.address.rsplit(':').next().unwrap();
    // Nothing is different but where it listens, where its data is, and which port alerts come to.
    let folder = tempfile::tempdir().unwrap();
    let guests = guest("counter");
    let guests = guests.parent().unwrap().to_str().unwrap();
    let changes = [
        ("../../guests/target/wasm32-wasip2/release", guests),
        ("\"127.0.0.1:8080\"", "\"127.0.0.1:0\""),
        ("localhost:3001", &format!("localhost:{port}")),
    ];
    let text = changes.iter().fold(text, |text, (shipped, here)| {
        assert!(text.contains(shipped), "the example has no {shipped}");
        text.replace(shipped, here)
    });
    let application = Application::start(folder.path(), &text);
    assert_eq!(application.get("/tea").text(), "Counter /tea: 1\n");
    assert_eq!(alerts.next().line(), "GET /alert?%2Ftea=1");
    application.stop();
    assert!(folder.path().join("data").is_dir());
    // The paths that were replaced lead to the guests from where the example lies.
    assert!(
        example
            .join("../../guests/http-watcher/Cargo.toml")
            .exists()
    );
}
