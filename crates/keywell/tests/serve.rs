//! `keywell serve` with components that behave.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read as _, Write as _};
use std::time::Instant;

use keywell_servers::Port;
use support::Server;

#[test]
fn the_counter_counts_on_disk_and_goes_on_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("disk:{}", folder.path().join("data").display());
    let server = Server::start("counter", &["--store", &store]);
    assert_eq!(server.get("/x").text(), "Counter /x: 1\n");
    assert_eq!(
        server.get("/x?query=is+not+a+part").text(),
        "Counter /x: 2\n"
    );
    server.kill();
    let server = Server::start("counter", &["--store", &store]);
    assert_eq!(server.get("/x").text(), "Counter /x: 3\n");
    assert_eq!(server.get("/y").text(), "Counter /y: 1\n");
}

#[test]
fn the_same_file_runs_in_memory_and_forgets() {
    let server = Server::start("counter", &["--store", "memory:"]);
    assert_eq!(server.get("/x").text(), "Counter /x: 1\n");
    assert_eq!(server.get("/x").text(), "Counter /x: 2\n");
    server.kill();
    let server = Server::start("counter", &["--store", "memory:"]);
    assert_eq!(server.get("/x").text(), "Counter /x: 1\n");
}

#[test]
fn both_generations_share_one_counter() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("disk:{}", folder.path().display());
    let mut server = Server::start("counter", &["--store", &store]);
    assert_eq!(server.get("/x").text(), "Counter /x: 1\n");
    server.signal("-TERM");
    assert!(server.wait().success());
    let server = Server::start("counter_draft", &["--store", &store]);
    assert_eq!(server.get("/x").text(), "Counter /x: 2\n");
}

#[test]
fn a_connection_is_kept_and_its_requests_are_answered_in_order() {
    let server = Server::start("counter", &["--store", "memory:"]);
    let mut connection = server.connect();
    let pipelined = "GET /p HTTP/1.1\r\nhost: x\r\n\r\n".repeat(50);
    connection.write_all(pipelined.as_bytes()).unwrap();
    let mut raw = String::new();
    for n in 1..=50 {
        let expected = format!("Counter /p: {n}\n");
        let mut piece = [0; 4096];
        while !raw.contains(&expected) {
            let read = connection.read(&mut piece).unwrap();
            assert!(read > 0, "the connection ended before answer {n}");
            raw.push_str(std::str::from_utf8(&piece[..read]).unwrap());
        }
        let behind = raw.find(&expected).unwrap() + expected.len();
        assert!(
            !raw[..behind].contains(&format!(": {}\n", n + 1)),
            "{n} came late"
        );
        raw.drain(..behind);
    }
}

#[tokio::test]
async fn http_2_is_spoken_by_prior_knowledge() {
    use http_body_util::{BodyExt as _, Empty};
    use hyper_util::client::legacy::Client;
    use hyper_util::rt::TokioExecutor;

    let server = Server::start("counter", &["--store", "memory:"]);
    let client: Client<_, Empty<bytes::Bytes>> = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    let uri: http::Uri = format!("http://{}/h2", server.address).parse().unwrap();
    let requests = (0..20).map(|_| client.get(uri.clone()));
    let mut texts = Vec::new();
    for response in futures::future::join_all(requests).await {
        let response = response.unwrap();
        assert_eq!(response.version(), http::Version::HTTP_2);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        texts.push(String::from_utf8(body.to_vec()).unwrap());
    }
    texts.sort_by_key(|text| (text.len(), text.clone()));
    let expected: Vec<_> = (1..=20).map(|n| format!("Counter /h2: {n}\n")).collect();
    assert_eq!(texts, expected);
}

#[test]
fn bodies_stream_in_and_out() {
    let server = Server::start("mischief", &["--store", "memory:"]);
    let response = server.get("/stream?n=5000000");
    assert!(response.complete);
    assert_eq!(response.body.len(), 5_000_000);

    let mut connection = server.connect();
    let body: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let head = format!(
        "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let sending = {
        let mut connection = connection.try_clone().unwrap();
        let body = body.clone();
        std::thread::spawn(move || {
            connection.write_all(head.as_bytes()).unwrap();
            connection.write_all(&body).unwrap();
        })
    };
    let mut raw = Vec::new();
    connection.read_to_end(&mut raw).unwrap();
    sending.join().unwrap();
    let response = support::Response::parse(&raw);
    assert!(response.complete);
    assert!(response.body == body, "the body came back changed");
}

#[test]
fn the_first_bytes_of_a_slow_body_do_not_wait_for_the_last() {
    let server = Server::start("mischief", &["--store", "memory:"]);
    let mut connection = server.connect();
    connection
        .write_all(b"GET /slow-body HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut first = [0; 1024];
    let mut read = 0;
    while !first[..read].windows(5).any(|window| window == b"first") {
        let n = connection.read(&mut first[read..]).unwrap();
        assert!(n > 0, "the connection ended early");
        read += n;
    }
    let first_came = Instant::now();
    let mut rest = Vec::new();
    connection.read_to_end(&mut rest).unwrap();
    assert!(first_came.elapsed().as_millis() >= 100, "all came at once");
}

#[test]
fn work_after_the_response_is_done() {
    let server = Server::start("mischief", &["--store", "memory:"]);
    assert_eq!(server.get("/after").status, 200);
    let deadline = Instant::now() + support::PATIENCE;
    while server.get("/get?key=after").text() != "1" {
        assert!(Instant::now() < deadline, "it was never done");
    }
}

#[test]
fn instances_are_fresh_unless_they_may_be_reused() {
    for reuse in ["1", "100"] {
        let server = Server::start("counter", &["--store", "memory:", "--reuse", reuse]);
        for n in 1..=250 {
            assert_eq!(server.get("/r").text(), format!("Counter /r: {n}\n"));
        }
    }
}

#[test]
fn a_stop_lets_running_requests_finish_and_takes_no_new_ones() {
    for signal in ["-INT", "-TERM"] {
        let port = Port::claim().unwrap();
        let address = port.address().to_string();
        let mut server = Server::start_at(&address, "mischief", &["--store", "memory:"]);
        let mut connection = server.connect();
        connection
            .write_all(b"GET /slow-body HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut byte = [0];
        connection.read_exact(&mut byte).unwrap();
        server.signal(signal);
        let mut raw = byte.to_vec();
        connection.read_to_end(&mut raw).unwrap();
        let response = support::Response::parse(&raw);
        assert!(response.complete, "{signal} cut a response off");
        assert!(server.wait().success());
        assert!(std::net::TcpStream::connect(address).is_err());
    }
}

#[test]
fn an_idle_kept_connection_does_not_hold_up_a_stop() {
    let mut server = Server::start("counter", &["--store", "memory:"]);
    let mut connection = server.connect();
    connection
        .write_all(b"GET /k HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    let mut byte = [0];
    connection.read_exact(&mut byte).unwrap();
    let asked = Instant::now();
    server.signal("-TERM");
    assert!(server.wait().success());
    assert!(asked.elapsed().as_secs() < 10);
}
