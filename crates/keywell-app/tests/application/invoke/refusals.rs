//! Calls that are refused or fail.

use std::net::SocketAddr;
use std::time::Duration;

use keywell_app::config::{CorsPlan, InvokePlan, TriggerPlan};
use keywell_app::{AppOptions, Application, TriggerKind};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::client::{DOINGS, SHAPES, call, calls, invokable, parts, post, raw, serve};
use crate::support::{address, exchange, free, guest, http, plan, start};

#[tokio::test]
async fn a_call_that_is_wrong_is_refused_before_there_is_an_instance() {
    let (handle, address) = serve(|_| {}).await;
    let echo = format!("{SHAPES}/echo-s8");
    let nested = format!("[{}]", "[".repeat(1 << 20));
    for (body, expected) in [
        (
            "[300]",
            "argument 1 of echo-s8, value: expected s8, not 300",
        ),
        ("[1, 2]", "echo-s8 takes 1 argument"),
        ("", "echo-s8 takes 1 argument"),
        ("{}", "the body is no JSON array of the arguments: "),
        ("[1", "the body is no JSON array of the arguments: "),
        (
            &nested,
            "the body is no JSON array of the arguments: recursion limit",
        ),
    ] {
        let (status, _, text) = post(address, &echo, body).await;
        assert_eq!(status, 400, "{text}");
        assert!(text.starts_with(expected), "{text}");
    }
    let huge = "[".repeat(10 << 20);
    assert_eq!(post(address, &echo, &huge).await.0, 413);
    let chunk = "[".repeat(1 << 20);
    let chunks = format!("100000\r\n{chunk}\r\n").repeat(4);
    let chunked = format!(
        "POST {echo} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
    );
    assert_eq!(parts(&raw(address, &chunked).await).0, 413);
    let made = "/example:invokable/things@1.0.0-rc.1/make";
    for path in ["/subtract", "/add/", "/add%2", "/%ff", made, "/shapes/name"] {
        let (status, _, text) = post(address, path, "[]").await;
        assert_eq!(status, 404, "{path} {text}");
        let line = "POST /add  add: func(a: u32, b: u32) -> u32\n";
        assert!(text.contains(line) && !text.contains("make"), "{text}");
    }
    for (method, path, allowed) in [
        ("GET", "/add", "allow: POST"),
        ("PUT", "/add", "allow: POST"),
        ("POST", "/", "allow: GET, HEAD"),
        ("DELETE", "/", "allow: GET, HEAD"),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\n");
        let (status, head, _) = parts(&exchange(address, &request).await);
        assert_eq!(status, 405, "{method} {path}");
        assert!(head.lines().any(|line| line == allowed), "{head}");
    }
    let form = "POST /add HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\
                content-type: text/plain\r\nconnection: close\r\n\r\n[1, 2]";
    assert_eq!(parts(&raw(address, form).await).0, 415);
    assert_eq!(calls(&handle), 0);
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn a_call_that_fails_or_takes_too_long_leaves_the_others_alone() {
    let own = Some(Duration::from_millis(300));
    let (handle, address) = serve(|invoke| invoke.http.timeout = own).await;
    let (fail, compute) = (format!("{DOINGS}/fail"), format!("{DOINGS}/compute"));
    let arguments = json!(["on purpose"]).to_string();
    let failing = async || {
        let (status, _, text) = post(address, &fail, &arguments).await;
        assert_eq!((status, &*text), (500, "the component failed\n"));
    };
    let late = async || assert_eq!(post(address, &compute, "[]").await.0, 408);
    let adding = async || {
        for number in 0..20 {
            let sum = call(address, "/add", &json!([number, 1])).await;
            assert_eq!(sum, json!(number + 1));
        }
    };
    tokio::join!(failing(), late(), adding(), adding(), failing(), adding());
    // A body that does not come is given up, too.
    let slow = "POST /add HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\n[1, ";
    let (status, _, text) = parts(&raw(address, slow).await);
    assert_eq!(
        (status, &*text),
        (408, "the request's body took too long\n")
    );
    handle.stop().await.unwrap();

    let mut plan = invokable(|_| {});
    plan.components.get_mut("web").unwrap().timeout = own;
    let handle = start(plan).await.unwrap();
    let address = crate::support::address(&handle.status());
    assert_eq!(post(address, &compute, "[]").await.0, 504);
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn arguments_and_results_are_held_within_the_memory_of_the_instance() {
    let mut plan = invokable(|_| {});
    plan.components.get_mut("web").unwrap().memory = Some(8 << 20);
    let handle = start(plan).await.unwrap();
    let address = address(&handle.status());
    let many = format!("[[{}1]]", "1,".repeat(512 << 10));
    let echo = format!("{SHAPES}/echo-bytes");
    let (status, _, text) = post(address, &echo, &many).await;
    assert_eq!((status, &*text), (413, "the arguments are too large\n"));
    let (status, ..) = post(address, &format!("{DOINGS}/fill"), "[4000000]").await;
    assert_eq!(status, 500);
    let few = call(address, &echo, &json!([[1, 2, 3]])).await;
    assert_eq!(few, json!("AQID"));
    handle.stop().await.unwrap();
}

/// Clients whose bodies are not whole yet, and together take the room that there is for texts.
struct Crowd {
    address: SocketAddr,
    clients: Vec<TcpStream>,
}

// === impl Crowd ===

impl Crowd {
    const CLIENTS: usize = 40;
    /// What each sends: its part of 64 MiB, and what is free of each body.
    const SENT: usize = (64 << 20) / Self::CLIENTS + (16 << 10);

    async fn gather(address: SocketAddr) -> Self {
        let mut clients = Vec::new();
        for _ in 0..Self::CLIENTS {
            clients.push(Self::client(address).await);
        }
        Self { address, clients }
    }

    async fn client(address: SocketAddr) -> TcpStream {
        let mut client = TcpStream::connect(address).await.unwrap();
        let length = Self::SENT + 1;
        let head = format!(
            "POST /add HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n"
        );
        client.write_all(head.as_bytes()).await.unwrap();
        // One that is refused takes no more of it.
        let _ = client.write_all(&vec![b' '; Self::SENT]).await;
        client
    }

    /// Has those that were refused come again.
    async fn come_again(&mut self) {
        for client in &mut self.clients {
            let waits = |error: &std::io::Error| error.kind() == std::io::ErrorKind::WouldBlock;
            if !client
                .try_read(&mut [0; 1])
                .is_err_and(|error| waits(&error))
            {
                *client = Self::client(self.address).await;
            }
        }
    }
}

#[tokio::test]
async fn a_result_that_finds_no_room_is_500_as_the_function_ran() {
    let patience = Duration::from_mins(1);
    let (handle, address) = serve(|_| {}).await;
    let (fill, count) = (format!("{DOINGS}/fill"), format!("{DOINGS}/count"));
    let fills = async || post(address, &fill, "[100000]").await;
    assert_eq!(fills().await.0, 200);
    let mut crowd = Crowd::gather(address).await;
    let refused = async {
        loop {
            match fills().await {
                (200, ..) => crowd.come_again().await,
                (status, _, text) => return (status, text),
            }
        }
    };
    let (status, text) = tokio::time::timeout(patience, refused).await.unwrap();
    assert_eq!(status, 500);
    assert_eq!(
        text,
        "the function ran, but its result was too large to be kept\n"
    );
    // What is short needs no room.
    assert_eq!(call(address, &count, &json!([])).await, json!(1));
    drop(crowd);
    let answered = async { while fills().await.0 != 200 {} };
    tokio::time::timeout(patience, answered).await.unwrap();
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn a_component_without_functions_of_values_cannot_be_invoked() {
    let kind = |name: &str| {
        let plan = plan(&guest(name), "memory:", http(free()));
        let application = Application::load(plan, AppOptions::default()).unwrap();
        application.can_be_called("web", TriggerKind::Invoke)
    };
    assert!(kind("invokable"));
    assert!(!kind("counter"));
    let trigger = TriggerPlan::Invoke(Box::new(InvokePlan::new("web", free())));
    let error = start(plan(&guest("counter"), "memory:", trigger)).await;
    let error = error.err().unwrap().to_string();
    let expected = "exports no function that can be called from outside, which an invoke trigger \
                    calls; it exports wasi:http/incoming-handler@0.2.";
    assert!(error.contains(expected), "{error}");
}

#[tokio::test]
async fn pages_of_other_origins_may_call_where_cors_says_so() {
    let (handle, address) = serve(|invoke| invoke.http.cors = Some(CorsPlan::default())).await;
    let preflight = "OPTIONS /add HTTP/1.1\r\nhost: x\r\norigin: https://a.example\r\n\
                     access-control-request-method: POST\r\n";
    let (status, head, _) = parts(&exchange(address, preflight).await);
    assert_eq!(status, 204);
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
    let (_, head, _) = post(address, "/add", "[1, 2]").await;
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
    handle.stop().await.unwrap();
}

/// The status of a call that a browser sends for a page, without what asks for a preflight.
async fn simple(address: SocketAddr, headers: &str) -> u16 {
    let request = format!(
        "POST /add HTTP/1.1\r\nhost: x\r\n{headers}content-length: 6\r\nconnection: close\r\n\r\n\
         [1, 2]"
    );
    parts(&raw(address, &request).await).0
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_where_cors_does_not_allow_them() {
    const SITE: &str = "sec-fetch-site: cross-site\r\n";
    const SAME_SITE: &str = "sec-fetch-site: same-site\r\n";
    const OWN: &str = "sec-fetch-site: same-origin\r\norigin: http://x\r\n";
    const A: &str = "origin: https://a.example\r\n";
    const B: &str = "origin: https://b.example\r\n";
    let all = Some(CorsPlan::default());
    let only_a = Some(CorsPlan {
        origins: vec!["https://a.example".to_owned().into()],
        ..CorsPlan::default()
    });
    for (cors, expected) in [
        (None, [200, 403, 403, 200, 403, 403, 403]),
        (only_a, [200, 403, 403, 200, 200, 403, 200]),
        (all, [200, 200, 200, 200, 200, 200, 200]),
    ] {
        let (handle, address) = serve(|invoke| invoke.http.cors = cors).await;
        let both = format!("{SITE}{A}");
        for (headers, expected) in ["", SITE, SAME_SITE, OWN, A, B, &both].iter().zip(expected) {
            assert_eq!(simple(address, headers).await, expected, "{headers}");
        }
        let run = expected.iter().filter(|status| **status == 200).count();
        assert_eq!(calls(&handle), run as u64, "what is refused does not run");
        handle.stop().await.unwrap();
    }
}

/// A component with a function that takes records of many optional fields.
fn sparse() -> Vec<u8> {
    let fields: Vec<String> = (0..20)
        .map(|field| format!("(field \"field-{field}\" (option u8))"))
        .collect();
    let fields = fields.concat();
    let text = format!(
        r#"(component
            (core module $m
                (memory (export "memory") 64)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
                (func (export "count") (param i32 i32) (result i32) local.get 1))
            (core instance $i (instantiate $m))
            (type $row' (record {fields}))
            (export $row "row" (type $row'))
            (func $count (param "rows" (list $row)) (result u32)
                (canon lift (core func $i "count") (memory (core memory $i "memory"))
                    (realloc (core func $i "realloc"))))
            (export "count" (func $count)))"#
    );
    wat::parse_str(text).unwrap()
}

#[tokio::test]
async fn arguments_that_take_far_more_memory_than_their_text_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse.wasm");
    std::fs::write(&path, sparse()).unwrap();
    let trigger = TriggerPlan::Invoke(Box::new(InvokePlan::new("web", free())));
    let handle = start(plan(&path, "memory:", trigger)).await.unwrap();
    let address = address(&handle.status());
    let rows = |count: usize| format!("[[{}]]", vec!["{}"; count].join(","));
    // The body is within its bound, and its values would take about 1 GB.
    let (status, _, text) = post(address, "/count", &rows(690_000)).await;
    assert_eq!((status, &*text), (413, "the arguments are too large\n"));
    assert_eq!(calls(&handle), 0, "there is no instance yet");
    let (status, _, text) = post(address, "/count", &rows(10_000)).await;
    assert_eq!((status, &*text), (200, "10000"));
    handle.stop().await.unwrap();
}
