//! What ends although its client does nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::http2::Client;
use crate::support::{PATIENCE, Server};

fn start(arguments: &[&str]) -> Server {
    Server::start("mischief", &[&["--store", "memory:"], arguments].concat())
}

/// Waits until an instance is free: a request that waits for one may give up just before.
pub(crate) fn await_room(server: &Server) {
    let deadline = Instant::now() + PATIENCE;
    while server.get("/get?key=k").status != 200 {
        assert!(Instant::now() < deadline, "no instance is free");
    }
}

fn send(server: &Server, request: &str) -> TcpStream {
    let mut connection = server.connect();
    connection.write_all(request.as_bytes()).unwrap();
    connection
}

fn get(server: &Server, path: &str) -> TcpStream {
    send(server, &format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
}

/// Waits until a connection is reset, without reading from it.
fn await_reset(connection: &TcpStream) {
    let deadline = Instant::now() + PATIENCE;
    while connection.take_error().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it was not reset");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// Whether a connection ended before it was whole: all that came is read.
fn is_cut(mut connection: TcpStream) -> bool {
    let mut raw = Vec::new();
    connection.read_to_end(&mut raw).is_err() || !raw.ends_with(b"0\r\n\r\n")
}

#[test]
fn a_guest_whose_response_is_not_read_is_ended_at_its_deadline() {
    let server = start(&["--instances", "4", "--timeout", "1s"]);
    let stalled: Vec<_> = (0..4)
        .map(|_| get(&server, "/stream?n=1000000000"))
        .collect();
    // There is room for this once they have ended.
    await_room(&server);
    for connection in stalled {
        assert!(is_cut(connection));
    }
}

#[test]
fn a_write_that_waits_for_longer_than_it_may_ends_the_guest_and_resets_the_connection() {
    let limits = [
        "--instances",
        "1",
        "--timeout",
        "5m",
        "--write-timeout",
        "500ms",
    ];
    let server = start(&limits);
    let stalled = get(&server, "/stream?n=1000000000");
    await_room(&server);
    await_reset(&stalled);
    // So does one of responses to requests that came together.
    let many = "GET /stream?n=60000 HTTP/1.1\r\nhost: x\r\n\r\n".repeat(500);
    let connection = send(&server, &many);
    await_reset(&connection);
    await_room(&server);
}

#[test]
fn a_body_that_is_sent_slowly_does_not_hold_its_guest_past_the_deadline() {
    let server = start(&["--instances", "1", "--timeout", "1s"]);
    let head = "HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\nabc";
    let mut unanswered = send(&server, &format!("POST /sink {head}"));
    await_room(&server);
    let mut raw = Vec::new();
    unanswered.read_to_end(&mut raw).unwrap();
    assert!(
        raw.starts_with(b"HTTP/1.1 504"),
        "{}",
        String::from_utf8_lossy(&raw)
    );
    let echoed = send(&server, &format!("POST /echo {head}"));
    await_room(&server);
    assert!(is_cut(echoed));
}

#[test]
fn a_guest_that_runs_on_behind_its_response_ends_at_its_deadline() {
    let server = start(&["--instances", "1", "--timeout", "1s"]);
    assert_eq!(server.get("/linger").text(), "ok");
    await_room(&server);
}

#[test]
fn a_client_that_sends_no_whole_head_is_given_up_whatever_it_has_sent() {
    let server = start(&[]);
    let began = Instant::now();
    let connections = [
        "",
        "P",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/1.1\r\nhost:",
        "GET /get HTTP/1.1\r\nhost: x\r\n\r\n",
    ]
    .map(|begun| send(&server, begun));
    let mut client = Client::new(server.connect(), 65_535);
    client.get(1, "/get");
    for mut connection in connections.into_iter().chain([client.into_inner()]) {
        let _ = connection.read_to_end(&mut Vec::new());
        let took = began.elapsed();
        let (least, most) = (Duration::from_secs(29), Duration::from_secs(50));
        assert!(least < took && took < most, "{took:?}");
    }
}
