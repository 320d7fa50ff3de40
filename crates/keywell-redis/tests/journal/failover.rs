//! A watch goes on at the new primary when the old one falls silent, with its connections open.

use std::time::Duration;

use keywell_servers::{Cluster, Proxy, Redis, Sentinels};
use keywell_store::{Set, Watch};
use tokio::time::timeout;

use crate::support::{Handle, bucket, connect, received, set, until, watch};

/// Well below the time after which a watch makes sure of its connection by itself.
const SOON: Duration = Duration::from_secs(20);

async fn received_soon(watching: &mut Watch) -> String {
    let event = timeout(SOON, received(watching)).await;
    event.expect("an event comes soon")
}

async fn written(bucket: &Handle, value: &'static str) {
    until("a write to arrive at the new primary", || async {
        let set = bucket.set("k", value.into(), Set::default()).await;
        set.map(drop).map_err(|error| Box::new(error) as _)
    })
    .await;
}

/// Waits until a replica has what the bucket `orders` has under `k`.
async fn replicated(replica: &Redis, value: &str) {
    until("the replica to have it", || async {
        let found = replica.command(&["GET", ":keywell:{orders}=k"]).await;
        match found.map(|found| found.text()) {
            Ok(found) if found == value => Ok(()),
            other => Err(Box::new(format!("{other:?}")) as _),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_watch_behind_sentinels_goes_on_at_the_new_primary() {
    let service = Sentinels::start(1).await.unwrap();
    let url = format!(
        "redis+sentinel://{}/{}",
        service.addrs()[0],
        Sentinels::SERVICE
    );
    // One only watches, and calls nothing from which it could learn.
    let watcher = connect(&url, "&answer-timeout=1s").await;
    let writer = connect(&url, "&answer-timeout=1s").await;
    let (watcher, writer) = (bucket(&watcher).await, bucket(&writer).await);
    let mut watching = watch(&watcher).await;
    set(&writer, "k", "before").await;
    assert_eq!(received(&mut watching).await, "k=before");
    let old = service.primary().await.unwrap();
    let mut servers = service.servers().iter();
    let replica = servers.find(|server| server.addr() != old.addr()).unwrap();
    replicated(replica, "before").await;
    old.freeze().unwrap();
    service.promoted(old.addr()).await.unwrap();
    written(&writer, "after").await;
    assert_eq!(received_soon(&mut watching).await, "k=after");
    old.thaw().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_on_a_cluster_goes_on_where_the_slot_is_found_to_be() {
    let cluster = Cluster::start(3, 1).await.unwrap();
    let hosts: Vec<String> = cluster.addrs().iter().map(ToString::to_string).collect();
    let url = format!("redis+cluster://{}", hosts.join(","));
    let store = connect(&url, "&answer-timeout=1s&connect-timeout=1s").await;
    let bucket = bucket(&store).await;
    let mut watching = watch(&bucket).await;
    set(&bucket, "k", "before").await;
    assert_eq!(received(&mut watching).await, "k=before");
    let slot = cluster.slot(":keywell:{orders}:meta").await.unwrap();
    let old = cluster.owner(slot).await.unwrap();
    let mut primaries = cluster.primaries().iter();
    let number = primaries.position(|node| node.addr() == old.addr());
    let number = number.unwrap();
    // A replica answers reads where the URL names it on purpose.
    until("the replica to have it", || async {
        let keys = cluster.replicas()[number].command(&["DBSIZE"]).await;
        let kept = old.command(&["DBSIZE"]).await;
        match (keys, kept) {
            (Ok(keys), Ok(kept)) if keys == kept => Ok(()),
            other => Err(Box::new(format!("{other:?}")) as _),
        }
    })
    .await;
    old.freeze().unwrap();
    cluster.promoted(number).await.unwrap();
    written(&bucket, "after").await;
    assert_eq!(received_soon(&mut watching).await, "k=after");
    old.thaw().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_goes_on_where_its_address_is_found_to_lead() {
    let old = Redis::start().await.unwrap();
    let port = old.addr().port();
    let new = Redis::builder().config(format!("replicaof 127.0.0.1 {port}"));
    let new = new.start().await.unwrap();
    let proxy = Proxy::to(old.addr()).await.unwrap();
    let store = connect(&old.url_at(proxy.addr()), "&answer-timeout=1s").await;
    let bucket = bucket(&store).await;
    let mut watching = watch(&bucket).await;
    set(&bucket, "k", "before").await;
    assert_eq!(received(&mut watching).await, "k=before");
    replicated(&new, "before").await;
    old.freeze().unwrap();
    new.command(&["REPLICAOF", "NO", "ONE"]).await.unwrap();
    proxy.aim(new.addr());
    written(&bucket, "after").await;
    assert_eq!(received_soon(&mut watching).await, "k=after");
    old.thaw().unwrap();
}
