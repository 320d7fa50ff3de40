//! Several addresses to begin with, some of them silent: the others lead to the servers as well.

use std::net::SocketAddr;
use std::sync::Arc;

use keywell_servers::{Cluster, Redis, Sentinels};
use keywell_store::{Bucket, Set, Store};
use tokio::time::timeout;

use crate::support::{PATIENCE, bucket, connect, recovered};

/// Opens it with so much patience for each address that a test which has to wait for one of them
/// fails.
async fn opens(scheme: &str, at: &[SocketAddr], path: &str) -> Arc<dyn Store> {
    let at: Vec<String> = at.iter().map(ToString::to_string).collect();
    let url = format!("{scheme}://{}{path}?connect-timeout=120s", at.join(","));
    let opened = timeout(PATIENCE, connect(&url)).await;
    opened
        .expect("it does not wait for the silent one")
        .unwrap()
}

async fn works(bucket: &Arc<dyn Bucket>) {
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    assert_eq!(bucket.get("k").await.unwrap().unwrap().value, "v");
}

/// A server that takes connections and says nothing.
async fn silent() -> Redis {
    let silent = Redis::start().await.unwrap();
    silent.freeze().unwrap();
    silent
}

#[tokio::test]
async fn silent_sentinels_in_front_of_a_good_one_delay_no_call() {
    let service = Sentinels::start(1).await.unwrap();
    let (one, other) = (silent().await, silent().await);
    let at = [one.addr(), other.addr(), service.addrs()[0]];
    let path = format!("/{}", Sentinels::SERVICE);
    let store = opens("redis+sentinel", &at, &path).await;
    let bucket = bucket(&store, "b").await;
    works(&bucket).await;
    // Nor when the connection is lost.
    let primary = service.primary().await.unwrap();
    for _ in 0..2 {
        let kill = ["CLIENT", "KILL", "TYPE", "normal"];
        primary.command(&kill).await.unwrap();
        recovered(&bucket).await;
    }
    works(&bucket).await;
}

#[tokio::test]
async fn silent_seeds_in_front_of_a_good_one_delay_no_call() {
    let cluster = Cluster::start(1, 0).await.unwrap();
    let (one, other) = (silent().await, silent().await);
    let at = [one.addr(), other.addr(), cluster.addrs()[0]];
    let store = opens("redis+cluster", &at, "").await;
    let bucket = bucket(&store, "b").await;
    works(&bucket).await;
    let node = &cluster.nodes()[0];
    node.kill().await.unwrap();
    assert!(bucket.get("k").await.is_err());
    node.restart().await.unwrap();
    recovered(&bucket).await;
    works(&bucket).await;
}

#[tokio::test]
async fn the_error_of_the_last_one_is_reported_where_none_is_good() {
    let service = Sentinels::start(1).await.unwrap();
    let silent = silent().await;
    let url = format!(
        "redis+sentinel://{},{}/nosuch?connect-timeout=500ms",
        silent.addr(),
        service.addrs()[0]
    );
    let refused = connect(&url).await.map(drop).unwrap_err().to_string();
    assert!(
        refused.contains("knows no primary of \"nosuch\""),
        "{refused}"
    );
}
