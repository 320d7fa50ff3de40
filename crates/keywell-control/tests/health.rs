//! `GET /healthz` and `GET /readyz`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keywell_control::{Health, Process, Report};
use keywell_store::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A process with one thing that is not ready, and how often it was asked.
#[derive(Clone, Default)]
struct Broken(Arc<AtomicUsize>);

impl Process for Broken {
    fn report(&self) -> Report {
        Report::default()
    }

    fn unready(&self) -> BoxFuture<Vec<String>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { vec!["the store main does not answer".to_owned()] })
    }
}

async fn get(addr: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

#[tokio::test]
async fn what_is_not_ready_is_named_and_asked_once_for_many() {
    let broken = Broken::default();
    let health = Health::bind("127.0.0.1", 0, Arc::new(broken.clone()));
    let health = health.await.unwrap();
    let addr = health.addrs()[0];
    let running = get(addr, "/healthz").await;
    assert!(running.starts_with("HTTP/1.1 200"), "{running}");
    let asked = (0..20).map(|_| get(addr, "/readyz"));
    for answer in futures::future::join_all(asked).await {
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(
            answer.ends_with("\r\n\r\nthe store main does not answer\n"),
            "{answer}"
        );
    }
    assert!(broken.0.load(Ordering::SeqCst) < 20);
    let none = get(addr, "/").await;
    assert!(none.starts_with("HTTP/1.1 404"), "{none}");
    assert!(
        Health::bind("127.0.0.1", addr.port(), Arc::new(broken))
            .await
            .is_err()
    );
    drop(health);
}

#[tokio::test]
async fn slow_clients_make_room_for_others() {
    let health = Health::bind("127.0.0.1", 0, Arc::new(Broken::default()));
    let health = health.await.unwrap();
    let addr = health.addrs()[0];
    let slow = (0..100).map(async |_| {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(b"GET /hea").await.unwrap();
        stream
    });
    let slow = futures::future::join_all(slow).await;
    let running = tokio::time::timeout(Duration::from_secs(4), get(addr, "/healthz")).await;
    assert!(running.unwrap().starts_with("HTTP/1.1 200"));
    drop(slow);
}
