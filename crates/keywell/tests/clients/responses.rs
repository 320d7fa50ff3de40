//! Responses of a component that are not fit to be sent.

use crate::logged::{exchange, start, warnings};
use crate::support::Response;
use crate::support::application::Application;

/// The response to a request, over the version and with the method given.
fn ask(server: &Application, method: &str, path: &str, version: &str) -> (Option<Response>, bool) {
    let request = format!("{method} {path} {version}\r\nhost: x\r\nconnection: close\r\n\r\n");
    let (answer, is_reset) = exchange(server, request.as_bytes());
    let response = (!answer.is_empty()).then(|| Response::parse(&answer));
    (response, is_reset)
}

#[test]
fn one_that_cannot_be_sent_is_500_and_one_warning() {
    let server = start(&[]);
    for (path, warning) in [
        (
            "/declared?length=10&n=9",
            "declared a body of 10 bytes, and wrote 9",
        ),
        (
            "/declared?length=10&n=11",
            "declared a body of 10 bytes, and wrote more",
        ),
        (
            "/declared?length=5000&n=4096",
            "declared a body of 5000 bytes",
        ),
        ("/length?value=5", "declared a body of 5 bytes, and wrote 0"),
        (
            "/unfinished?n=5",
            "left the body of its response unfinished",
        ),
        (
            "/unfinished?n=0",
            "left the body of its response unfinished",
        ),
        ("/no-response", "returned without a response"),
        ("/status?n=103", "the status 103"),
        ("/status?n=101", "the status 101"),
        ("/trap", "failed"),
    ] {
        loop {
            let (response, _) = ask(&server, "GET", path, "HTTP/1.1");
            let warnings = warnings(&server);
            assert_eq!(warnings.len(), 1, "{path}: {warnings:?}");
            assert!(warnings[0].contains(warning), "{path}: {warnings:?}");
            assert!(warnings[0].contains("mischief"), "{path}: {warnings:?}");
            // A guest that is interrupted on a busy machine may have its head sent by then.
            match response {
                Some(response) if response.status == 500 => break,
                Some(response) => assert!(!response.complete, "{path}"),
                None => {}
            }
        }
    }
}

#[test]
fn one_that_breaks_off_when_its_head_is_sent_does_not_look_whole_and_is_one_warning() {
    let server = start(&[]);
    for (path, warning) in [
        (
            "/declared?length=10&n=9&wait=",
            "declared a body of 10 bytes, and wrote 9",
        ),
        (
            "/declared?length=10&n=11&wait=",
            "declared a body of 10 bytes, and wrote more",
        ),
        (
            "/declared?length=5000&n=9000&wait=",
            "declared a body of 5000 bytes",
        ),
        (
            "/unfinished?n=5&wait=",
            "left the body of its response unfinished",
        ),
    ] {
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            let (response, is_reset) = ask(&server, "GET", path, version);
            // A reset may take with it what was sent before.
            let is_whole = response
                .is_some_and(|response| response.complete && response.status == 200 && !is_reset);
            assert!(!is_whole, "{path} {version}");
            let warnings = warnings(&server);
            assert_eq!(warnings.len(), 1, "{path} {version}: {warnings:?}");
            assert!(warnings[0].contains(warning), "{path}: {warnings:?}");
            assert!(warnings[0].contains("mischief"), "{path}: {warnings:?}");
        }
    }
}

#[test]
fn one_that_is_as_declared_is_sent() {
    let server = start(&[]);
    for path in [
        "/declared?length=10&n=10",
        "/declared?length=10&n=10&wait=",
        "/declared?length=9000&n=9000",
        "/declared?length=9000&n=9000&wait=",
        "/leak?n=10",
        "/length?value=0",
    ] {
        let (response, is_reset) = ask(&server, "GET", path, "HTTP/1.1");
        let response = response.unwrap();
        assert_eq!((response.status, response.complete), (200, true), "{path}");
        assert!(!is_reset, "{path}");
    }
    // What would be sent for another method is only said.
    for path in ["/declared?length=10&n=10", "/length?value=10"] {
        let (response, _) = ask(&server, "HEAD", path, "HTTP/1.1");
        let response = response.unwrap();
        assert!(response.head.contains("content-length: 10"), "{path}");
        assert!(response.body.is_empty(), "{path}");
    }
    assert_eq!(warnings(&server), Vec::<String>::new());
}

#[test]
fn an_instance_that_failed_or_left_its_response_unfinished_is_not_used_again() {
    let server = start(&["--reuse", "1000"]);
    let count = || server.get("/served").text();
    assert_eq!(count(), "1");
    assert_eq!(count(), "2");
    for path in [
        "/no-response",
        "/trap",
        "/unfinished?n=5",
        "/unfinished?n=5&wait=",
        "/declared?length=10&n=9",
        "/status?n=103",
        "/leak?n=5",
    ] {
        ask(&server, "GET", path, "HTTP/1.1");
        assert_eq!(count(), "1", "behind {path}");
        assert_eq!(count(), "2", "behind {path}");
    }
}
