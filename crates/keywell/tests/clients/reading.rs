//! Clients that do not read what they asked for: what they cost, beside the memory of the guests.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::http2;
use crate::support::Server;

const STREAM: &str = "GET /flood?n=1000000000 HTTP/1.1\r\nhost: x\r\n\r\n";
/// In KiB.
const ONE: u64 = 2 << 10;
const ALL: u64 = 64 << 10;

fn start() -> Server {
    let arguments = ["--store", "memory:", "--memory", "16MiB", "--timeout", "5m"];
    Server::start("mischief", &arguments)
}

/// How much higher the peak of memory is than with as many guests that send nothing, in KiB.
///
/// What is past the bound is measured again, up to three times. What a stream costs it costs each
/// time.
fn growth(count: usize, stall: impl Fn(&Server, usize) -> Vec<TcpStream>) -> u64 {
    let bound = if count == 1 { ONE } else { ALL };
    let mut least = u64::MAX;
    for _ in 0..3 {
        let server = warm();
        let before = peak(&server, count, silent);
        // The silent guests go on, so as many as there may be leave no room for others. Two processes
        // differ by a few MiB by themselves, which matters only for one stream.
        let after = match count {
            1 => peak(&server, count, &stall),
            _ => peak(&warm(), count, &stall),
        };
        least = least.min(after.saturating_sub(before));
        if least <= bound {
            break;
        }
    }
    least
}

/// A server whose parts that answer are in memory.
fn warm() -> Server {
    let server = start();
    assert!(server.get("/flood?n=1000000").complete);
    http2::read(&server, "/flood?n=1000000");
    server
}

fn peak(server: &Server, count: usize, run: impl FnOnce(&Server, usize) -> Vec<TcpStream>) -> u64 {
    server.forget_peak_memory();
    let connections = run(server, count);
    settle(|| server.peak_memory());
    let peak = server.peak_memory();
    drop(connections);
    settle(|| server.memory());
    peak
}

/// Guests that have answered, and wait.
fn silent(server: &Server, count: usize) -> Vec<TcpStream> {
    asked(server, count, "GET /linger HTTP/1.1\r\nhost: x\r\n\r\n")
}

fn streaming(server: &Server, count: usize) -> Vec<TcpStream> {
    asked(server, count, STREAM)
}

/// Connections on which the same was asked for, and the response has begun.
fn asked(server: &Server, count: usize, request: &str) -> Vec<TcpStream> {
    let mut connections: Vec<_> = (0..count)
        .map(|_| {
            let mut connection = server.connect();
            connection.write_all(request.as_bytes()).unwrap();
            connection
        })
        .collect();
    for connection in &mut connections {
        connection.read_exact(&mut [0]).unwrap();
    }
    connections
}

/// Waits until memory has not changed for a second.
fn settle(memory: impl Fn() -> u64) {
    let mut before = memory();
    loop {
        // The client is idle on purpose: what is tested is what its server does meanwhile.
        std::thread::park_timeout(std::time::Duration::from_secs(1));
        let now = memory();
        if now == before {
            return;
        }
        before = now;
    }
}

#[test]
fn one_costs_two_mebibytes_at_most() {
    for (what, growth) in [
        ("HTTP/1", growth(1, streaming)),
        (
            "pipelined",
            growth(1, |server, _| {
                let mut connection = server.connect();
                let _ = connection.write_all(STREAM.repeat(40).as_bytes());
                vec![connection]
            }),
        ),
        (
            "HTTP/2, no window",
            growth(1, |server, count| http2::stalled(server, count, 0)),
        ),
        (
            "HTTP/2, a window without an end",
            growth(1, |server, count| {
                http2::stalled(server, count, (1 << 31) - 1)
            }),
        ),
    ] {
        println!("{what}: {growth} KiB");
        assert!(growth <= ONE, "{what}: {growth} KiB");
    }
}

#[test]
fn as_many_as_there_are_instances_cost_64_mebibytes_at_most() {
    for (what, growth) in [
        ("HTTP/1", growth(256, streaming)),
        (
            "HTTP/2, no window",
            growth(256, |server, count| http2::stalled(server, count, 0)),
        ),
        (
            "HTTP/2, a window without an end",
            growth(256, |server, count| {
                http2::stalled(server, count, (1 << 31) - 1)
            }),
        ),
    ] {
        println!("{what}: {growth} KiB");
        assert!(growth <= ALL, "{what}: {growth} KiB");
    }
}

#[test]
fn a_slow_reader_gets_all_of_it() {
    let server = start();
    let mut connection = server.connect();
    let request = b"GET /stream?n=3000000 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    connection.write_all(request).unwrap();
    let mut raw = Vec::new();
    let mut piece = vec![0; 50_000];
    loop {
        let read = connection.read(&mut piece).unwrap();
        if read == 0 {
            break;
        }
        raw.extend_from_slice(&piece[..read]);
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
    let response = crate::support::Response::parse(&raw);
    assert!(response.complete);
    assert_eq!(response.body.len(), 3_000_000);
}
