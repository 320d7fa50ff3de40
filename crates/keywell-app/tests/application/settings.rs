//! What an HTTP trigger does besides calling its component.

use std::net::SocketAddr;
use std::time::Duration;

use keywell_app::config::{CorsPlan, HttpPlan, TriggerPlan};
use keywell_app::{Handle, TriggerCounts};

use crate::support::{address, exchange, free, guest, plan, start, status};

/// Runs a guest by a trigger with settings.
async fn run(name: &str, change: impl FnOnce(&mut HttpPlan)) -> (Handle, SocketAddr) {
    let mut http = HttpPlan::new("web", free());
    change(&mut http);
    let plan = plan(&guest(name), "memory:", TriggerPlan::Http(http));
    let handle = start(plan).await.unwrap();
    let address = address(&handle.status());
    (handle, address)
}

/// Whether a response has a line in its head.
fn has(response: &str, line: &str) -> bool {
    let (head, _) = response.split_once("\r\n\r\n").unwrap();
    head.lines().any(|own| own == line)
}

#[tokio::test]
async fn a_read_only_trigger_refuses_other_methods_without_the_component() {
    let (handle, address) = run("counter", |http| http.is_read_only = true).await;
    for (method, expected) in [
        ("GET", 200),
        ("HEAD", 200),
        ("POST", 405),
        ("DELETE", 405),
        ("OPTIONS", 405),
        ("BREW", 405),
    ] {
        let request = format!("{method} / HTTP/1.1\r\nhost: x\r\n");
        assert_eq!(status(address, &request).await, expected, "{method}");
    }
    let refused = exchange(address, "PUT / HTTP/1.1\r\nhost: x\r\n").await;
    assert!(has(&refused, "allow: GET, HEAD"), "{refused}");
    let counts = handle.counters()[0].counts;
    assert_eq!(counts, TriggerCounts::Http { requests: 2 });
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn a_request_past_the_timeout_of_its_trigger_is_answered_with_408() {
    let own = Some(Duration::from_millis(200));
    let (handle, address) = run("mischief", |http| http.timeout = own).await;
    for path in ["/loop", "/sleep"] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n");
        assert_eq!(status(address, &request).await, 408, "{path}");
    }
    // A response that has begun breaks off.
    let broken = exchange(address, "GET /hang-body HTTP/1.1\r\nhost: x\r\n").await;
    assert!(has(&broken, "HTTP/1.1 200 OK"), "{broken}");
    assert!(!broken.ends_with("0\r\n\r\n"), "{broken}");
    handle.stop().await.unwrap();
    // That of the component is the lesser one.
    let mut http = HttpPlan::new("web", free());
    http.timeout = Some(Duration::from_mins(1));
    let mut plan = plan(&guest("mischief"), "memory:", TriggerPlan::Http(http));
    plan.components.get_mut("web").unwrap().timeout = own;
    let handle = start(plan).await.unwrap();
    let address = crate::support::address(&handle.status());
    let request = "GET /sleep HTTP/1.1\r\nhost: x\r\n";
    assert_eq!(status(address, request).await, 504);
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn every_response_of_the_component_gets_the_cache_control() {
    let value = "no-store, max-age=0";
    let set = |http: &mut HttpPlan| http.cache_control = Some(value.to_owned().into());
    let (handle, address) = run("mischief", set).await;
    for path in ["/get?key=k", "/status?n=404", "/stream?n=1000"] {
        let response = exchange(address, &format!("GET {path} HTTP/1.1\r\nhost: x\r\n")).await;
        let line = format!("cache-control: {value}");
        assert!(has(&response, &line), "{path}: {response}");
    }
    let failed = exchange(address, "GET /trap HTTP/1.1\r\nhost: x\r\n").await;
    assert!(
        has(&failed, "HTTP/1.1 500 Internal Server Error"),
        "{failed}"
    );
    assert!(!failed.contains("cache-control"), "{failed}");
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn without_keep_alive_a_connection_ends_with_its_response() {
    let (handle, address) = run("counter", |http| http.keeps_alive = false).await;
    let request = "GET /tea HTTP/1.1\r\nhost: x\r\nconnection: keep-alive\r\n\r\n";
    // It would wait for the end of the connection otherwise.
    let response = crate::support::raw(address, request).await;
    assert!(has(&response, "connection: close"), "{response}");
    // The body may come in chunks.
    assert!(response.contains("Counter /tea: 1\n"), "{response}");
    handle.stop().await.unwrap();
}

#[tokio::test]
async fn cors_is_that_of_the_trigger_and_preflights_do_not_reach_the_component() {
    let origin = "https://a.example";
    let cors = CorsPlan {
        origins: vec![
            origin.to_owned().into(),
            "http://b.example:80".to_owned().into(),
        ],
        exposed_headers: vec!["x-total".to_owned().into()],
        ..CorsPlan::default()
    };
    let (handle, address) = run("counter", |http| {
        http.cors = Some(cors);
        http.is_read_only = true;
    })
    .await;
    let ask = async |method: &str, origin: &str, more: &str| {
        let request = format!("{method} / HTTP/1.1\r\nhost: x\r\norigin: {origin}\r\n{more}");
        exchange(address, &request).await
    };
    let preflight = "access-control-request-method: PUT\r\n";
    let response = ask("OPTIONS", origin, preflight).await;
    for line in [
        "HTTP/1.1 204 No Content",
        "access-control-allow-origin: https://a.example",
        "access-control-allow-methods: GET, POST, PUT, DELETE, HEAD, OPTIONS",
        "access-control-allow-headers: accept, accept-language, content-type, content-language",
        "access-control-max-age: 300",
        "vary: origin",
    ] {
        assert!(has(&response, line), "{line} in {response}");
    }
    let counts = |requests| TriggerCounts::Http { requests };
    assert_eq!(handle.counters()[0].counts, counts(0));
    for (asking, named) in [
        (origin, Some(origin)),
        ("http://b.example", Some("http://b.example")),
        ("https://c.example", None),
    ] {
        let response = ask("GET", asking, "").await;
        assert!(response.contains("Counter /"), "{response}");
        assert!(has(&response, "vary: origin"), "{response}");
        let line = named.map(|named| format!("access-control-allow-origin: {named}"));
        match line {
            Some(line) => assert!(has(&response, &line), "{response}"),
            None => assert!(!response.contains("access-control-"), "{response}"),
        }
    }
    // A page may read why a request was refused.
    let refused = ask("POST", origin, "").await;
    assert!(
        has(&refused, "HTTP/1.1 405 Method Not Allowed"),
        "{refused}"
    );
    assert!(
        has(&refused, "access-control-allow-origin: https://a.example"),
        "{refused}"
    );
    assert!(
        has(&refused, "access-control-expose-headers: x-total"),
        "{refused}"
    );
    assert!(!refused.contains("credentials"), "{refused}");
    assert_eq!(handle.counters()[0].counts, counts(3));
    handle.stop().await.unwrap();
}
