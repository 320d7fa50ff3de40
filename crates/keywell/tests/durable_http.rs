//! `[worker.NAME]` and `[[trigger.worker]]`: durable workers over HTTP.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use support::application::{Application, refusal};
use support::{PATIENCE, Response, guest};

fn text(functions: &str) -> String {
    let worker = guest("worker");
    let worker = worker.display();
    format!(
        r#"
[store.main]
url = "disk:data"

[component.counting]
path = "{worker}"
store = "main"

[worker."w-*"]
component = "counting"

[worker.alone]
component = "counting"

[[trigger.worker]]
worker = "w-*"
addr = "127.0.0.1:0"
{functions}

[[trigger.worker]]
worker = "alone"
addr = "127.0.0.1:0"
"#
    )
}

/// The addresses of both triggers.
fn start(folder: &Path) -> (Application, Vec<String>) {
    let application = Application::start(folder, &text(""));
    let addresses = application.lines.iter().map(|line| {
        let rest = line.split("http://").nth(1).unwrap();
        rest.split(['/', ' ']).next().unwrap().to_owned()
    });
    let addresses = addresses.collect();
    (application, addresses)
}

fn post(address: &str, path: &str, body: &str, header: &str) -> Response {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{header}\r\n{body}"
    );
    connection.write_all(request.as_bytes()).unwrap();
    let mut raw = Vec::new();
    connection.read_to_end(&mut raw).unwrap();
    Response::parse(&raw)
}

#[test]
fn workers_are_called_by_name_and_survive_the_end_of_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let (application, addresses) = start(folder.path());
    let call = |address: &str, path: &str| post(address, path, "", "").text();
    let several = &addresses[0];
    assert_eq!(call(several, "/workers/w-1/count"), "\"1 1\"");
    assert_eq!(call(several, "/workers/w-1/count"), "\"2 2\"");
    assert_eq!(call(several, "/workers/w-2/count"), "\"1 3\"");
    assert_eq!(call(&addresses[1], "/workers/alone/count"), "\"1 4\"");
    for (path, status) in [
        ("/workers/other/count", 404),
        ("/workers/w-1/nothing", 404),
        ("/workers/alone/count", 404),
    ] {
        assert_eq!(post(several, path, "", "").status, status, "{path}");
    }
    let list = support::application::get(several, "/workers");
    assert!(
        list.text().contains("/workers/NAME/count"),
        "{}",
        list.text()
    );
    let failed = post(several, "/workers/w-1/fail", "", "");
    assert_eq!(
        (failed.status, &*failed.text()),
        (500, "the component failed\n")
    );
    application.kill();

    let (application, addresses) = start(folder.path());
    assert_eq!(call(&addresses[0], "/workers/w-1/counts"), "\"2 4\"");
    assert_eq!(call(&addresses[1], "/workers/alone/counts"), "\"1 4\"");
    application.stop();
}

#[test]
fn a_key_is_answered_once_more_and_refused_with_other_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let (application, addresses) = start(folder.path());
    let keyed = |body: &str| {
        let key = "idempotency-key: a\r\n";
        post(&addresses[0], "/workers/w-1/count-often", body, key)
    };
    // At once, too: one of them runs.
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| keyed("[3]").text()))
            .collect();
        for call in calls {
            assert_eq!(call.join().unwrap(), "\"3 3\"");
        }
    });
    let conflict = keyed("[4]");
    assert_eq!(conflict.status, 409, "{}", conflict.text());
    assert!(conflict.text().contains("other arguments"));
    application.kill();
    let (application, addresses) = start(folder.path());
    let key = "idempotency-key: a\r\n";
    let again = post(&addresses[0], "/workers/w-1/count-often", "[3]", key);
    assert_eq!(again.text(), "\"3 3\"");
    application.stop();
}

#[test]
fn invocations_of_a_worker_run_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let (application, addresses) = start(folder.path());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| post(&addresses[0], "/workers/w-1/count-often", "[5]", "").text());
        }
    });
    let counts = post(&addresses[0], "/workers/w-1/counts", "", "");
    assert_eq!(counts.text(), "\"40 40\"");
    application.stop();
}

#[test]
fn an_unknown_function_and_a_bad_name_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let (code, message) = refusal(folder.path(), &text("functions = 'nothing'"));
    assert_eq!(code, 1, "{message}");
    assert!(message.contains("nothing"), "{message}");
    let bad = text("").replace("w-*", "w/*");
    let (code, message) = refusal(folder.path(), &bad);
    assert_eq!(code, 2, "{message}");
    assert!(message.contains("is no name of a worker"), "{message}");
}
