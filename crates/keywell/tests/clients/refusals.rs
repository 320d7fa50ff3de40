//! What is refused is answered, and the answer arrives.

use std::io::{Read as _, Write as _};

use crate::logged::{connect, exchange, start};

fn status(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    text.split(' ').nth(1).unwrap_or("nothing").to_owned()
}

const HEAD: &str = "GET /get HTTP/1.1\r\nhost: x\r\n";

#[test]
fn every_refusal_arrives_also_where_more_is_sent_than_is_read() {
    let server = start(&[]);
    let long = "a".repeat(70_000);
    let longer = "a".repeat(300_000);
    let headers = "x: y\r\n".repeat(200);
    let cases: [(&str, String, &str); 19] = [
        ("no request", "nonsense\r\n\r\n".into(), "400"),
        (
            "a control character",
            "GET /\u{1} HTTP/1.1\r\n\r\n".into(),
            "400",
        ),
        (
            "another version",
            "GET / HTTP/3.0\r\nhost: x\r\n\r\n".into(),
            "400",
        ),
        (
            "a header without a colon",
            format!("{HEAD}nonsense\r\n\r\n"),
            "400",
        ),
        (
            "a space before a colon",
            format!("{HEAD}x : y\r\n\r\n"),
            "400",
        ),
        (
            "a folded header",
            format!("{HEAD}x: y\r\n z\r\n\r\n"),
            "400",
        ),
        (
            "two lengths",
            format!("{HEAD}content-length: 1\r\ncontent-length: 2\r\n\r\nab"),
            "400",
        ),
        (
            "a length that is none",
            format!("{HEAD}content-length: -1\r\n\r\n"),
            "400",
        ),
        (
            "an encoding that is not chunked",
            format!("{HEAD}transfer-encoding: gzip\r\n\r\n"),
            "400",
        ),
        (
            "chunked in HTTP/1.0",
            "GET / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".into(),
            "400",
        ),
        (
            "a long target",
            format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n"),
            "414",
        ),
        (
            "a longer target",
            format!("GET /{longer} HTTP/1.1\r\nhost: x\r\n\r\n"),
            "431",
        ),
        ("a long header", format!("{HEAD}x: {longer}\r\n\r\n"), "431"),
        ("many headers", format!("{HEAD}{headers}\r\n"), "431"),
        ("no host", "GET /get HTTP/1.1\r\n\r\n".into(), "400"),
        ("two hosts", format!("{HEAD}host: x\r\n\r\n"), "400"),
        (
            "an invalid host",
            "GET /get HTTP/1.1\r\nhost: a b\r\n\r\n".into(),
            "400",
        ),
        (
            "an invalid host and a body",
            format!("POST / HTTP/1.1\r\nhost: a@b\r\ncontent-length: 300000\r\n\r\n{longer}"),
            "400",
        ),
        (
            "a tunnel, and what is sent through it",
            format!("CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n\u{16}\u{3}\u{1}{longer}"),
            "501",
        ),
    ];
    for (what, request, wanted) in &cases {
        let (answer, _) = exchange(&server, request.as_bytes());
        assert_eq!(&status(&answer), wanted, "{what}");
        // Behind a request that is answered, in one piece with it.
        let both = format!("{HEAD}\r\n{request}");
        let (answer, _) = exchange(&server, both.as_bytes());
        let text = String::from_utf8_lossy(&answer);
        let answers: Vec<_> = text.split("HTTP/1.").skip(1).collect();
        assert_eq!(answers.len(), 2, "{what}, behind a request: {text}");
        assert!(answers[0].starts_with("1 200"), "{what}: {text}");
        assert!(answers[1][2..].starts_with(wanted), "{what}: {text}");
    }
    assert_eq!(server.get("/get?key=k").status, 200);
}

#[test]
fn bytes_behind_a_request_do_not_keep_its_answer_back() {
    let server = start(&[]);
    for behind in ["X", "\r\n", "GET /", "GET /get HTTP/1.1\r\nhost"] {
        let mut connection = connect(&server);
        let request = format!("{HEAD}\r\n{behind}");
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 15];
        connection.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK", "{behind:?}");
    }
}

#[test]
fn a_guest_that_reads_no_body_has_its_answer_read() {
    let server = start(&[]);
    let body = "a".repeat(3_000_000);
    let request = format!("POST /get HTTP/1.1\r\nhost: x\r\ncontent-length: 3000000\r\n\r\n{body}");
    let (answer, _) = exchange(&server, request.as_bytes());
    assert_eq!(status(&answer), "200");
}

#[test]
fn http_1_0_is_served_without_a_host() {
    let server = start(&[]);
    let target = |request: &str| {
        let (answer, _) = exchange(&server, request.as_bytes());
        let text = String::from_utf8(answer).unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        body.to_owned()
    };
    let own = format!("http {} /target?x", server.address());
    assert_eq!(target("GET /target?x HTTP/1.0\r\n\r\n"), own);
    let named = "http a:1 /target";
    assert_eq!(target("GET /target HTTP/1.0\r\nhost: a:1\r\n\r\n"), named);
    // A target that is an address counts instead of the host, and says nothing of TLS.
    let close = "connection: close\r\n\r\n";
    let whole = format!("GET https://a:1/target HTTP/1.1\r\nhost: b\r\n{close}");
    let answer = target(&whole);
    assert!(answer.contains(named), "{answer}");
}
