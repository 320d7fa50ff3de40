//! `keywell serve` with a component that misbehaves. Each gets a clear error on the right side, and
//! the server goes on serving others.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::thread;
use std::time::{Duration, Instant};

use support::Server;

/// Whether others are still served, and find what was stored before.
fn assert_serves(server: &Server) {
    assert_eq!(server.get("/get?key=kept").text(), "before");
}

fn start(arguments: &[&str]) -> Server {
    let arguments = [&["--store", "memory:"], arguments].concat();
    let server = Server::start("mischief", &arguments);
    assert_eq!(server.get("/set?key=kept&value=before").status, 200);
    server
}

/// Keywell's own answers show nothing of its internals.
fn assert_refused(server: &Server, path: &str, status: u16) {
    let response = server.get(path);
    assert_eq!(response.status, status, "{path}: {}", response.text());
    let text = response.text();
    for inside in ["wasm", "trap", "unreachable", ".rs", "backtrace", "/"] {
        assert!(!text.contains(inside), "{path} answered {text:?}");
    }
    assert_serves(server);
}

#[test]
fn a_trap_is_500() {
    let server = start(&[]);
    assert_refused(&server, "/trap", 500);
    assert_refused(&server, "/no-response", 500);
}

#[test]
fn a_handle_used_after_its_drop_is_500() {
    assert_refused(&start(&[]), "/dropped", 500);
}

#[test]
fn an_endless_loop_is_504_and_blocks_no_other_call() {
    let server = start(&["--timeout", "1500ms"]);
    let began = Instant::now();
    thread::scope(|scope| {
        // More of them than there are cores.
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(server.get("/loop").status, 504));
        }
        let mut answered = 0;
        while began.elapsed() < Duration::from_secs(1) {
            assert_serves(&server);
            answered += 1;
        }
        assert!(answered > 15, "only {answered} others were answered");
    });
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_serves(&server);
}

#[test]
fn a_sleep_past_the_deadline_is_504() {
    assert_refused(&start(&["--timeout", "300ms"]), "/sleep", 504);
}

#[test]
fn a_body_that_never_ends_is_cut_off() {
    let server = start(&["--timeout", "500ms"]);
    let response = server.get("/hang-body");
    assert_eq!(response.status, 200);
    assert!(!response.complete, "a cut-off body must not look whole");
    assert_serves(&server);
}

#[test]
fn memory_grows_to_its_limit_and_no_further() {
    let server = start(&["--memory", "64MiB"]);
    let response = server.get("/grow");
    let pages = response.text();
    assert!(
        response.status == 500 || pages.contains("stopped at"),
        "{pages}"
    );
    assert_serves(&server);
    assert!(
        server.peak_memory() < 1 << 20,
        "{} KiB",
        server.peak_memory()
    );
}

#[test]
fn too_many_handles_are_an_error_in_the_guest() {
    let server = start(&[]);
    let text = server.get("/handles").text();
    assert!(text.starts_with("opened 4096\n"), "{text}");
    assert!(text.contains("at most 4096 handles"), "{text}");
    assert_serves(&server);
}

#[test]
fn a_component_makes_no_sockets_that_it_may_not_use() {
    let server = start(&[]);
    let text = server.get("/sockets").text();
    assert!(text.starts_with("0 tcp, 0 udp: "), "{text}");
    assert_eq!(text.matches("\"access-denied\"").count(), 2, "{text}");
    assert_serves(&server);
}

#[test]
fn a_value_past_the_limit_is_an_error_in_the_guest_and_writes_nothing() {
    let server = start(&[]);
    for n in [16 * 1024 * 1024 + 1, 200 << 20] {
        let text = server.get(&format!("/big?n={n}&key=big")).text();
        assert!(text.contains("more than the 16777216 allowed"), "{text}");
    }
    assert_eq!(
        server.get(&format!("/big?n={}", 16 * 1024 * 1024)).text(),
        "ok"
    );
    assert_serves(&server);
}

#[test]
fn a_value_of_a_gibibyte_is_refused_where_there_is_memory_for_it() {
    let server = start(&["--memory", "2GiB"]);
    let text = server.get("/big").text();
    assert!(text.contains("more than the 16777216 allowed"), "{text}");
    assert_serves(&server);
}

#[test]
fn a_forged_cursor_is_an_error_in_the_guest() {
    let server = start(&[]);
    let text = server.get("/cursor").text();
    assert!(
        text.starts_with("error: other: the cursor was not handed out"),
        "{text}"
    );
    assert_serves(&server);
}

#[test]
fn an_increment_of_text_or_past_the_range_changes_nothing() {
    let server = start(&[]);
    let text = server.get("/text").text();
    assert!(text.contains("the value is not a number"), "{text}");
    assert_eq!(server.get("/get?key=text").text(), "abc");
    let text = server.get("/overflow").text();
    assert!(text.contains("range"), "{text}");
    assert_eq!(
        server.get("/get?key=overflow").text(),
        "9223372036854775807"
    );
    assert_serves(&server);
}

#[test]
fn more_requests_than_instances_wait_and_past_that_are_503() {
    let server = start(&["--instances", "1", "--timeout", "4s"]);
    thread::scope(|scope| {
        let slow: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| server.get("/slow-body")))
            .collect();
        for slow in slow {
            assert_eq!(slow.join().unwrap().status, 200, "there was time to wait");
        }
        let flood: Vec<_> = (0..40)
            .map(|_| scope.spawn(|| server.get("/sleep").status))
            .collect();
        let statuses: Vec<u16> = flood.into_iter().map(|one| one.join().unwrap()).collect();
        assert!(
            statuses.iter().all(|status| [503, 504].contains(status)),
            "{statuses:?}"
        );
        assert!(statuses.contains(&503), "{statuses:?}");
    });
    assert_serves(&server);
}

#[test]
fn a_request_without_a_host_is_400() {
    let server = start(&[]);
    assert_eq!(server.request("GET / HTTP/1.1\r\n\r\n").status, 400);
    assert_serves(&server);
}

#[test]
fn what_is_not_http_ends_its_connection_only() {
    use std::io::{Read as _, Write as _};

    let server = start(&[]);
    for nonsense in [
        "nonsense\r\n\r\n",
        "GET /\u{1} HTTP/1.1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
    ] {
        let mut connection = server.connect();
        connection.write_all(nonsense.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
            "{answer}"
        );
    }
    assert_serves(&server);
}

#[test]
fn a_client_that_goes_away_leaves_nothing_behind() {
    use std::io::{Read as _, Write as _};

    let server = start(&["--instances", "2", "--timeout", "5s"]);
    for _ in 0..20 {
        let mut connection = server.connect();
        let request = b"GET /stream?n=100000000 HTTP/1.1\r\nhost: x\r\n\r\n";
        connection.write_all(request).unwrap();
        let mut some = [0; 1000];
        connection.read_exact(&mut some).unwrap();
    }
    // Each left a guest that writes to a closed connection; all have to be gone for this to be answered.
    assert_serves(&server);
}
