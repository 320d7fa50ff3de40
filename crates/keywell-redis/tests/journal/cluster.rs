//! The journal layout on a cluster of three primaries.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;
use keywell_servers::Cluster;
use keywell_servers::resp::Reply;
use keywell_store::{List, Store};

use crate::support::{bucket, connect, get, named, received, received_many, set, watch};

async fn on(cluster: &Cluster, settings: &str) -> Arc<dyn Store> {
    let hosts: Vec<String> = cluster.addrs().iter().map(ToString::to_string).collect();
    let url = format!("redis+cluster://{}", hosts.join(","));
    connect(&url, settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_and_shards_lie_on_all_primaries() {
    let cluster = Cluster::start(3, 0).await.unwrap();
    let store = on(&cluster, "&shards=8").await;
    let bucket = bucket(&store).await;
    let mut watching = watch(&bucket).await;
    let keys: Vec<String> = (0..200).map(|n| format!("k{n:03}")).collect();
    let entries = keys.iter().map(|key| (key.as_str(), key.clone().into()));
    bucket.set_many(entries.collect()).await.unwrap();
    for node in cluster.primaries() {
        let size = node.command(&["DBSIZE"]).await.unwrap();
        assert!(!matches!(size, Reply::Int(0)), "{size:?}");
    }
    let heard: BTreeSet<String> = received_many(&mut watching, 200)
        .await
        .into_iter()
        .collect();
    assert_eq!(heard.len(), 200);
    let page = bucket.list(List::default()).await.unwrap();
    assert_eq!(page.keys, keys);
    let asked: Vec<&str> = keys.iter().map(String::as_str).collect();
    assert!(
        bucket
            .get_many(&asked)
            .await
            .unwrap()
            .iter()
            .all(Option::is_some)
    );
    let counts = (0..64).map(|_| bucket.increment("n", 1));
    let counts: BTreeSet<i64> = join_all(counts)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(counts.len(), 64);
    bucket.delete_many(&asked).await.unwrap();
    assert_eq!(bucket.list(List::default()).await.unwrap().keys, ["n"]);
    assert_eq!(store.buckets().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_follows_its_bucket_to_another_primary() {
    let cluster = Cluster::start(3, 0).await.unwrap();
    let store = on(&cluster, "").await;
    let bucket = named(&store, "orders").await;
    let mut watching = watch(&bucket).await;
    set(&bucket, "k", "before").await;
    assert_eq!(received(&mut watching).await, "k=before");

    let slot = cluster.slot(":keywell:{orders}:meta").await.unwrap();
    let owner = cluster.owner(slot).await.unwrap();
    let mut others = cluster.primaries().iter();
    let target = others.find(|node| node.addr() != owner.addr()).unwrap();
    let moving = cluster.move_slot(slot, owner, target).await.unwrap();
    moving.move_keys(1000).await.unwrap();
    moving.finish().await.unwrap();
    for n in 0..20 {
        set(&bucket, "k", n.to_string()).await;
        assert_eq!(received(&mut watching).await, format!("k={n}"));
    }
    assert_eq!(get(&bucket, "k").await.unwrap().value, "19");
}
