//! How many connections there may be.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use crate::logged::{connect, start};
use crate::support::application::{Application, get};
use crate::support::{guest, keywell};

const REQUEST: &[u8] = b"GET /get HTTP/1.1\r\nhost: x\r\n\r\n";

/// Whether a request is answered, to the end: with its length, or in chunks where the guest was still
/// running when the answer began.
fn answers(connection: &mut TcpStream) -> bool {
    if connection.write_all(REQUEST).is_err() {
        return false;
    }
    let Some(head) = read_until(connection, b"\r\n\r\n") else {
        return false;
    };
    let end: &[u8] = if head.contains("transfer-encoding: chunked") {
        b"0\r\n\r\n"
    } else {
        b"none"
    };
    let Some(body) = read_until(connection, end) else {
        return false;
    };
    head.starts_with("HTTP/1.1 200") && body.contains("none")
}

/// What comes up to an end and with it; `None` where the connection ends before.
fn read_until(connection: &mut TcpStream, end: &[u8]) -> Option<String> {
    let mut read = Vec::new();
    while !read.ends_with(end) {
        let mut byte = [0];
        connection.read_exact(&mut byte).ok()?;
        read.push(byte[0]);
    }
    Some(String::from_utf8(read).unwrap())
}

/// Whether the server has closed it.
fn is_closed(connection: &mut TcpStream) -> bool {
    !matches!(connection.read(&mut [0]), Ok(1..))
}

#[test]
fn past_the_limit_the_connection_that_was_idle_for_longest_is_closed() {
    let server = start(&["--connections", "4"]);
    let mut open: Vec<_> = (0..4).map(|_| connect(&server)).collect();
    for connection in &mut open {
        assert!(answers(connection));
    }
    // The first is now the one that was used last.
    assert!(answers(&mut open[0]));
    let mut fifth = connect(&server);
    assert!(answers(&mut fifth));
    assert!(is_closed(&mut open[1]));
    for at in [0, 2, 3] {
        assert!(answers(&mut open[at]), "{at}");
    }
    // However many come, each finds room.
    for _ in 0..200 {
        assert!(answers(&mut connect(&server)));
    }
    assert!(
        server
            .logs("as many connections are open as may be")
            .contains("limit=4")
    );
}

#[test]
fn where_none_is_idle_the_new_one_is_closed() {
    let server = start(&["--connections", "3", "--timeout", "5m"]);
    let mut busy: Vec<_> = (0..3).map(|_| connect(&server)).collect();
    for connection in &mut busy {
        let request = b"GET /stream?n=100000000 HTTP/1.1\r\nhost: x\r\n\r\n";
        connection.write_all(request).unwrap();
        connection.read_exact(&mut [0]).unwrap();
    }
    for _ in 0..50 {
        let mut refused = connect(&server);
        let _ = refused.write_all(REQUEST);
        assert!(is_closed(&mut refused));
    }
    assert!(server.logs("one was refused").contains("WARN"));
    drop(busy.pop());
    // It is gone when its guest's next write fails.
    while !answers(&mut connect(&server)) {}
}

#[test]
fn the_limit_follows_from_how_many_files_may_be_open() {
    // With a soft limit of 64 and a hard one of 200: half of these for connections.
    let mut shell = Command::new("sh");
    for (name, value) in keywell().get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
        .args(["-c", "ulimit -Sn 64; ulimit -Hn 200; exec \"$@\"", "sh"])
        .arg(keywell().get_program())
        .arg("serve")
        .arg(guest("mischief"))
        .args(["--addr", "127.0.0.1:0", "--store", "memory:"]);
    let server = Application::spawn(&mut shell, 1);
    let open: Vec<_> = (0..150).map(|_| connect(&server)).collect();
    assert_eq!(get(&server.address(), "/get?key=k").status, 200);
    assert!(
        server
            .logs("as many connections are open as may be")
            .contains("limit=100")
    );
    drop(open);
}
