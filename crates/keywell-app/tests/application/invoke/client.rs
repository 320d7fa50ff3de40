//! An application that serves the functions of a guest, and a client of it.

use std::net::SocketAddr;

use keywell_app::config::{InvokePlan, TriggerPlan};
use keywell_app::{Handle, Plan, TriggerCounts};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{address, exchange, free, guest, plan, start};

pub(super) const SHAPES: &str = "/example:invokable/shapes@1.0.0-rc.1";
pub(super) const DOINGS: &str = "/example:invokable/doings@1.0.0-rc.1";
pub(super) const KEYS: &str = "/example:invokable/keys@1.0.0-rc.1";

/// A plan that serves the functions of a guest.
pub(super) fn invokable(change: impl FnOnce(&mut InvokePlan)) -> Plan {
    let mut invoke = InvokePlan::new("web", free());
    change(&mut invoke);
    let trigger = TriggerPlan::Invoke(Box::new(invoke));
    plan(&guest("invokable"), "memory:", trigger)
}

pub(super) async fn serve(change: impl FnOnce(&mut InvokePlan)) -> (Handle, SocketAddr) {
    let handle = start(invokable(change)).await.unwrap();
    let address = address(&handle.status());
    (handle, address)
}

/// The status, the head and the body of the response to a call.
pub(super) async fn post(address: SocketAddr, path: &str, body: &str) -> (u16, String, String) {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    parts(&raw(address, &format!("{head}{body}")).await)
}

/// What a server answers, which may come before all was sent.
pub(super) async fn raw(address: SocketAddr, text: &str) -> String {
    let (mut read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
    let mut response = String::new();
    let (_, received) = tokio::join!(
        write.write_all(text.as_bytes()),
        read.read_to_string(&mut response)
    );
    received.unwrap();
    response
}

pub(super) fn parts(response: &str) -> (u16, String, String) {
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_owned(), body.to_owned())
}

/// What a call answers that succeeds.
pub(super) async fn call(address: SocketAddr, path: &str, arguments: &Value) -> Value {
    let (status, head, body) = post(address, path, &arguments.to_string()).await;
    assert_eq!(status, 200, "{path} {arguments} {body}");
    assert!(head.contains("content-type: application/json"), "{head}");
    serde_json::from_str(&body).unwrap()
}

pub(super) fn calls(handle: &Handle) -> u64 {
    match handle.counters()[0].counts {
        TriggerCounts::Invoke { calls } => calls,
        other => panic!("{other:?}"),
    }
}

pub(super) async fn list(address: SocketAddr, path: &str) -> Value {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n");
    let (status, _, body) = parts(&exchange(address, &request).await);
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}
