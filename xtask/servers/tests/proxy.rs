//! What a proxy breaks before a real server.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on ends, in its own functions too"
)]

use std::time::{Duration, Instant};

use keywell_servers::resp::{Connection, Reply};
use keywell_servers::{Proxy, Redis, Towards};
use tokio::time::timeout;

async fn behind() -> (Redis, Proxy) {
    let redis = Redis::start().await.unwrap();
    let proxy = Proxy::to(redis.addr()).await.unwrap();
    (redis, proxy)
}

async fn connect(proxy: &Proxy) -> Connection {
    Connection::open(proxy.addr()).await.unwrap()
}

#[tokio::test]
async fn it_carries_and_counts_connections() {
    let (_redis, proxy) = behind().await;
    let mut one = connect(&proxy).await;
    let mut two = connect(&proxy).await;
    for connection in [&mut one, &mut two] {
        connection.command(&["PING"]).await.unwrap();
    }
    assert_eq!((proxy.accepted(), proxy.open()), (2, 2));
    proxy.cut();
    assert!(one.command(&["PING"]).await.is_err());
    assert!(two.command(&["PING"]).await.is_err());
    let mut three = connect(&proxy).await;
    three.command(&["PING"]).await.unwrap();
    proxy.has_accepted(3).await.unwrap();
}

#[tokio::test]
async fn a_command_arrives_whose_answer_is_lost() {
    let (redis, proxy) = behind().await;
    let mut connection = connect(&proxy).await;
    connection.command(&["SET", "n", "0"]).await.unwrap();
    proxy.cut_after_commands(Towards::Server, 3);
    for _ in 0..5 {
        // The last ones may find the connection cut.
        let _ = connection.send(&["INCR", "n"]).await;
    }
    let mut answers = 0;
    while connection.receive().await.is_ok() {
        answers += 1;
    }
    assert!(answers < 3, "{answers}");
    assert!(!proxy.will_cut());
    // When the client sees the end, the server has read all it was sent.
    let n = redis.command(&["GET", "n"]).await.unwrap();
    assert_eq!(n, Reply::Text(b"3".into()));
}

#[tokio::test]
async fn answers_are_cut_within_one() {
    let (redis, proxy) = behind().await;
    let mut connection = connect(&proxy).await;
    redis.command(&["SET", "k", "0123456789"]).await.unwrap();
    proxy.cut_after_bytes(Towards::Client, 6);
    assert!(connection.command(&["GET", "k"]).await.is_err());

    let mut connection = connect(&proxy).await;
    proxy.cut_after_commands(Towards::Client, 1);
    for _ in 0..2 {
        connection.send(&["PING"]).await.unwrap();
    }
    connection.receive().await.unwrap();
    assert!(connection.receive().await.is_err());
}

#[tokio::test]
async fn a_command_cut_within_does_not_happen() {
    let (redis, proxy) = behind().await;
    let mut connection = connect(&proxy).await;
    proxy.cut_after_bytes(Towards::Server, 20);
    assert!(connection.command(&["SET", "k", "v"]).await.is_err());
    assert_eq!(redis.command(&["GET", "k"]).await.unwrap(), Reply::Nil);
}

#[tokio::test]
async fn what_is_stalled_flows_later() {
    let (redis, proxy) = behind().await;
    let mut connection = connect(&proxy).await;
    proxy.stall(Towards::Client);
    connection.send(&["SET", "k", "v"]).await.unwrap();
    while redis.command(&["GET", "k"]).await.unwrap() == Reply::Nil {}
    let early = timeout(Duration::from_millis(50), connection.receive()).await;
    assert!(early.is_err());
    proxy.flow(Towards::Client);
    connection.receive().await.unwrap();

    proxy.delay(Duration::from_millis(30));
    let asked = Instant::now();
    connection.command(&["PING"]).await.unwrap();
    assert!(asked.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn it_refuses_and_accepts_again_at_its_address() {
    let (_redis, proxy) = behind().await;
    let mut stays = connect(&proxy).await;
    stays.command(&["PING"]).await.unwrap();
    proxy.refuse(true);
    while Connection::open(proxy.addr()).await.is_ok() {}
    stays.command(&["PING"]).await.unwrap();
    proxy.refuse(false);
    while Connection::open(proxy.addr()).await.is_err() {}
}
