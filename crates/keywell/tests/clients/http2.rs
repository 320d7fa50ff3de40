//! HTTP/2 frames that no well-behaved client sends.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::Server;
use crate::time::await_room;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A client that has no rules.
pub(crate) struct Client(TcpStream);

pub(crate) struct Frame {
    pub(crate) kind: u8,
    flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

// === impl Client ===

impl Client {
    /// Connects, with so large a window for each stream, and as large a one for all as there may be.
    pub(crate) fn new(stream: TcpStream, window: u32) -> Self {
        let mut client = Self(stream);
        client.0.write_all(PREFACE).unwrap();
        let mut settings = 4_u16.to_be_bytes().to_vec();
        settings.extend(window.to_be_bytes());
        client.send(SETTINGS, 0, 0, &settings);
        let more: u32 = (1 << 31) - 1 - 65_535;
        client.send(WINDOW_UPDATE, 0, 0, &more.to_be_bytes());
        client
    }

    /// The socket.
    pub(crate) fn into_inner(self) -> TcpStream {
        self.0
    }

    /// Sends a frame; what the server does not take any more is no failure.
    pub(crate) fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend_from_slice(payload);
        let _ = self.0.write_all(&frame);
    }

    pub(crate) fn get(&mut self, stream: u32, path: &str) {
        self.ask(stream, "GET", path, END_STREAM);
    }

    fn ask(&mut self, stream: u32, method: &str, path: &str, flags: u8) {
        let headers = headers(&[
            (":method", method),
            (":scheme", "http"),
            (":authority", "x"),
            (":path", path),
        ]);
        self.send(HEADERS, flags | END_HEADERS, stream, &headers);
    }

    /// The next frame; none where the connection has ended.
    pub(crate) fn receive(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.0.read_exact(&mut payload).ok()?;
        if kind == SETTINGS && flags & ACK == 0 {
            self.send(SETTINGS, ACK, 0, &[]);
        } else if kind == PING && flags & ACK == 0 {
            self.send(PING, ACK, 0, &payload);
        }
        Some(Frame {
            kind,
            flags,
            stream: u32::from_be_bytes(stream),
            payload,
        })
    }

    /// Receives until a frame of this kind comes.
    fn until(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let frame = self.receive()?;
            if frame.kind == kind {
                return Some(frame);
            }
        }
    }
}

/// Headers, each spelled out.
fn headers(all: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in all {
        block.push(0);
        for text in [name, value] {
            assert!(text.len() < 127);
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.bytes());
        }
    }
    block
}

/// The status of a response, where it is one of those with a number of their own in the standard.
fn status(headers: &Frame) -> Option<u16> {
    assert_eq!(headers.kind, HEADERS);
    match headers.payload.first()? {
        0x88 => Some(200),
        0x8c => Some(400),
        0x8e => Some(500),
        // A literal value of a name that is the eighth.
        0x48 => std::str::from_utf8(&huffman_digits(&headers.payload[2..]))
            .ok()?
            .parse()
            .ok(),
        _ => None,
    }
}

/// Three digits: as they are, or in the standard's code, where 0 to 2 have five bits and the others six.
fn huffman_digits(bytes: &[u8]) -> Vec<u8> {
    let bits = bytes
        .iter()
        .take(3)
        .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
        << 8;
    let (mut at, mut digits) = (0, Vec::new());
    for _ in 0..3 {
        let five = bits << at >> 27;
        if five < 3 {
            digits.push(b'0' + u8::try_from(five).unwrap());
            at += 5;
        } else {
            let six = bits << at >> 26;
            digits.push(b'3' + u8::try_from(six - 0x19).unwrap());
            at += 6;
        }
    }
    digits
}

/// So many streams on one connection whose client reads nothing of them.
pub(crate) fn stalled(server: &Server, count: usize, window: u32) -> Vec<TcpStream> {
    let mut client = Client::new(server.connect(), window);
    for n in 0..u32::try_from(count).unwrap() {
        client.get(2 * n + 1, "/flood?n=1000000000");
    }
    // All have begun when the last has a head; with a window it may be behind much else.
    if window == 0 {
        for _ in 0..count {
            client.until(HEADERS).unwrap();
        }
    }
    vec![client.into_inner()]
}

/// Reads the response to a request.
pub(crate) fn read(server: &Server, path: &str) {
    let mut client = Client::new(server.connect(), (1 << 31) - 1);
    client.get(1, path);
    while client.until(DATA).unwrap().flags & END_STREAM == 0 {}
}

fn start(arguments: &[&str]) -> Server {
    Server::start("mischief", &[&["--store", "memory:"], arguments].concat())
}

#[test]
fn a_refusal_arrives() {
    let server = start(&[]);
    let hosts = [
        vec![(":authority", "a b")],
        vec![(":authority", "a"), ("host", "b")],
        vec![(":authority", "a"), ("host", "a"), ("host", "a")],
        vec![],
    ];
    for hosts in hosts {
        let mut client = Client::new(server.connect(), 65_535);
        let (pseudo, plain): (Vec<_>, Vec<_>) = hosts
            .iter()
            .copied()
            .partition(|(name, _)| name.starts_with(':'));
        let all = [(":method", "GET"), (":scheme", "http"), (":path", "/")];
        let block = headers(&[&all[..], &pseudo, &plain].concat());
        client.send(HEADERS, END_STREAM | END_HEADERS, 1, &block);
        loop {
            let frame = client.receive().expect("an answer");
            match frame.kind {
                HEADERS => {
                    assert_eq!(status(&frame), Some(400), "{hosts:?}");
                    break;
                }
                // What HTTP/2 itself finds malformed.
                RESET => break,
                _ => {}
            }
        }
    }
    let mut client = Client::new(server.connect(), 65_535);
    let connect = headers(&[(":method", "CONNECT"), (":authority", "a:443")]);
    client.send(HEADERS, END_HEADERS, 1, &connect);
    assert_eq!(status(&client.until(HEADERS).unwrap()), Some(501));
    // A head that is too long.
    let mut client = Client::new(server.connect(), 65_535);
    let long = "a".repeat(100);
    let mut many = vec![
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "x"),
        (":path", "/"),
    ];
    many.extend(std::iter::repeat_n(("x", long.as_str()), 200));
    let block = headers(&many);
    client.send(HEADERS, END_STREAM, 1, &block[..16_000]);
    client.send(CONTINUATION, END_HEADERS, 1, &block[16_000..]);
    assert_eq!(status(&client.until(HEADERS).unwrap()), Some(431));
}

#[test]
fn a_head_has_no_body() {
    let server = start(&[]);
    let mut client = Client::new(server.connect(), 65_535);
    for (stream, path) in [
        (1, "/stream?n=10"),
        (3, "/slow-body"),
        (5, "/stream?n=900000"),
    ] {
        client.ask(stream, "HEAD", path, END_STREAM);
        let head = client.until(HEADERS).unwrap();
        assert_eq!(head.stream, stream);
        assert!(head.flags & END_STREAM > 0, "{path}");
    }
    client.get(7, "/stream?n=10");
    assert_eq!(client.until(DATA).unwrap().stream, 7);
}

#[test]
fn a_guest_whose_stream_is_not_read_is_ended_at_its_deadline_and_the_stream_is_reset() {
    let server = start(&["--instances", "4", "--timeout", "1s"]);
    let mut client = Client::new(server.connect(), 0);
    for stream in [1, 3, 5, 7] {
        client.get(stream, "/stream?n=1000000000");
    }
    let mut reset = Vec::new();
    while reset.len() < 4 {
        let frame = client.until(RESET).unwrap();
        reset.push(frame.stream);
    }
    reset.sort_unstable();
    assert_eq!(reset, [1, 3, 5, 7]);
    await_room(&server);
}

#[test]
fn a_stream_that_is_not_read_for_the_write_timeout_is_reset_whether_its_guest_runs_or_not() {
    let server = start(&[
        "--instances",
        "2",
        "--timeout",
        "5m",
        "--write-timeout",
        "500ms",
    ]);
    let mut client = Client::new(server.connect(), 0);
    for (stream, path) in [
        (1, "/stream?n=1000000000"),
        (3, "/stream?n=1"),
        (5, "/stream?n=20000"),
        (7, "/trap"),
    ] {
        client.get(stream, path);
        let frame = client.until(RESET).unwrap();
        assert_eq!(frame.stream, stream, "{path}");
    }
    // Who reads slowly is no such client.
    client.get(9, "/slow-body");
    client.until(HEADERS).unwrap();
    client.send(WINDOW_UPDATE, 0, 9, &100_u32.to_be_bytes());
    loop {
        let frame = client.receive().unwrap();
        assert_ne!(frame.kind, RESET);
        if frame.kind == DATA && frame.flags & END_STREAM > 0 {
            break;
        }
    }
    await_room(&server);
}

#[test]
fn what_is_held_for_a_stream_whose_response_is_written_does_not_stay() {
    let server = start(&["--write-timeout", "500ms"]);
    // Of each answer one byte has room, and its guest and its stream's task have ended.
    let mut client = Client::new(server.connect(), 1);
    for n in 0..100 {
        client.get(2 * n + 1, "/get");
    }
    let mut answers = 0;
    while let Some(frame) = client.receive() {
        answers += usize::from(frame.kind == DATA);
    }
    assert_eq!(answers, 100);
}

#[test]
fn floods_of_resets_and_of_headers_end_the_connection() {
    let server = start(&[]);
    // Requests that are taken back at once.
    let mut client = Client::new(server.connect(), 65_535);
    for n in 0..2000 {
        client.get(2 * n + 1, "/get");
        client.send(RESET, 0, 2 * n + 1, &8_u32.to_be_bytes());
    }
    while let Some(frame) = client.receive() {
        if frame.kind == GOAWAY {
            break;
        }
    }
    // A head without an end.
    let mut client = Client::new(server.connect(), 65_535);
    client.send(HEADERS, END_STREAM, 1, &headers(&[(":method", "GET")]));
    for _ in 0..100_000 {
        client.send(CONTINUATION, 0, 1, &headers(&[("x", "y")]));
    }
    while client.receive().is_some() {}
    await_room(&server);
    assert!(server.peak_memory() < 1 << 20);
}
