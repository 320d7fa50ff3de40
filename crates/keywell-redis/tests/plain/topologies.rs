//! Sentinel, cluster, TLS, sockets, shared connections.

use std::sync::Arc;

use keywell_servers::{Cluster, Redis, Sentinels, Tls};
use keywell_store::{Filter, Set, Since, Store as _};

use crate::support::{bucket, connect, hear, opened, server, until};

async fn clients(redis: &Redis) -> usize {
    let clients = redis.cli(&["CLIENT", "LIST"]).await.expect("it answers");
    clients
        .lines()
        .filter(|line| line.contains("name=keywell"))
        .count()
}

#[tokio::test]
async fn many_callers_share_a_connection_and_more_can_be_asked_for() {
    let redis = server().await;
    let store = connect(&redis.url()).await;
    let bucket = bucket(&store, "").await;
    let gets = (0..200).map(|_| bucket.get("k"));
    futures::future::try_join_all(gets).await.unwrap();
    assert_eq!(clients(&redis).await, 1);
    let three = connect(&format!("{}?connections=3", redis.url())).await;
    assert_eq!(clients(&redis).await, 4);
    drop(three);
    until("they are closed", || async { clients(&redis).await == 1 }).await;
}

#[tokio::test]
async fn stores_of_one_url_share_a_connection_when_configured_to() {
    let redis = server().await;
    let url = format!("{}?share-connections=true", redis.url());
    let (one, other) = (
        connect(&url).await,
        connect(&format!("{url}&prefix=x")).await,
    );
    assert_eq!(clients(&redis).await, 1);
    one.close().await.unwrap();
    assert!(one.health().await.is_err());
    other.health().await.unwrap();
    drop((one, other));
    until("it is closed", || async { clients(&redis).await == 0 }).await;
}

#[tokio::test]
async fn a_unix_socket_and_tls_are_spoken() {
    let tls = Arc::new(Tls::generate().expect("certificates are made"));
    let redis = Redis::builder()
        .unix_socket()
        .tls(tls.clone())
        .start()
        .await
        .unwrap();
    let socket = redis
        .unix_socket()
        .expect("it has one")
        .display()
        .to_string();
    let store = connect(&format!("redis+unix://{socket}")).await;
    bucket(&store, "")
        .await
        .set("k", "v".into(), Set::default())
        .await
        .unwrap();
    let at = redis.tls_addr().expect("it has one");
    let unknown = opened(&format!("rediss://localhost:{}", at.port())).await;
    let unknown = unknown.err().expect("its signer is unknown").to_string();
    assert!(unknown.contains("certificate"), "{unknown}");
    let url = format!(
        "rediss://localhost:{}?tls-ca={}&tls-certificate={}&tls-key={}",
        at.port(),
        tls.authority().display(),
        tls.client_certificate().display(),
        tls.client_key().display()
    );
    let store = connect(&url).await;
    let read = bucket(&store, "").await.get("k").await.unwrap();
    assert_eq!(read.unwrap().value, "v");
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_lead_to_the_new_primary() {
    let sentinels = Sentinels::start(3).await.expect("they start");
    for server in sentinels.servers() {
        server
            .cli(&["CONFIG", "SET", "notify-keyspace-events", "AKE"])
            .await
            .unwrap();
    }
    let hosts: Vec<String> = sentinels.addrs().iter().map(ToString::to_string).collect();
    let url = format!(
        "redis+sentinel://{}/{}",
        hosts.join(","),
        Sentinels::SERVICE
    );
    let store = connect(&url).await;
    let bucket = bucket(&store, "").await;
    bucket.set("k", "1".into(), Set::default()).await.unwrap();
    let mut watch = bucket
        .watch(Filter::Key("k".into()), Since::Now)
        .await
        .unwrap();
    let old = sentinels.primary().await.unwrap().addr();
    // Frozen, so that no connection to it breaks.
    let frozen = sentinels
        .servers()
        .iter()
        .find(|server| server.addr() == old)
        .unwrap();
    frozen.freeze().unwrap();
    sentinels
        .promoted(old)
        .await
        .expect("another is made the primary");
    until("it is written to the new one", || async {
        bucket.set("k", "2".into(), Set::default()).await.is_ok()
    })
    .await;
    while hear(&mut watch).await != "k=2" {}
    store.health().await.unwrap();
    frozen.thaw().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_moves_is_followed() {
    let node = Redis::builder().config("notify-keyspace-events AKE");
    let cluster = Cluster::start_with(3, 0, node).await.expect("it starts");
    let nodes: Vec<String> = cluster.addrs().iter().map(ToString::to_string).collect();
    let store = connect(&format!("redis+cluster://{}", nodes[0])).await;
    let bucket = bucket(&store, "").await;
    let keys: Vec<String> = (0..200).map(|n| format!("k{n}")).collect();
    let entries = keys.iter().map(|key| (key.as_str(), "1".into())).collect();
    bucket.set_many(entries).await.unwrap();
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let slot = cluster.slot("default:k7").await.unwrap();
    let from = cluster.owner(slot).await.unwrap();
    let mut others = cluster.primaries().iter();
    let to = others.find(|node| node.addr() != from.addr()).unwrap();
    let moving = cluster.move_slot(slot, from, to).await.unwrap();
    // The slot is neither here nor there: what exists is here, what does not is asked for there.
    assert_eq!(bucket.increment("k7", 1).await.unwrap(), 2);
    assert_eq!(hear(&mut watch).await, "k7=2");
    moving.move_keys(1000).await.unwrap();
    assert_eq!(bucket.increment("k7", 1).await.unwrap(), 3);
    moving.finish().await.unwrap();
    assert_eq!(bucket.increment("k7", 1).await.unwrap(), 4);
    let names: Vec<&str> = keys.iter().map(String::as_str).collect();
    let read = bucket.get_many(&names).await.unwrap();
    assert!(read.iter().all(Option::is_some));
    while hear(&mut watch).await != "k7=4" {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_goes_on_with_the_replica_of_a_dead_primary() {
    let node = Redis::builder().config("notify-keyspace-events AKE");
    let cluster = Cluster::start_with(3, 1, node).await.expect("it starts");
    let nodes: Vec<String> = cluster.addrs().iter().map(ToString::to_string).collect();
    let store = connect(&format!("redis+cluster://{}", nodes.join(","))).await;
    let bucket = bucket(&store, "").await;
    bucket.set("k", "1".into(), Set::default()).await.unwrap();
    let mut watch = bucket
        .watch(Filter::Key("k".into()), Since::Now)
        .await
        .unwrap();
    let owner = cluster
        .owner(cluster.slot("default:k").await.unwrap())
        .await
        .unwrap();
    let number = cluster
        .primaries()
        .iter()
        .position(|node| node.addr() == owner.addr());
    owner.kill().await.unwrap();
    cluster
        .promoted(number.expect("it is a primary"))
        .await
        .expect("its replica takes over");
    until("it is written to the new one", || async {
        bucket.set("k", "2".into(), Set::default()).await.is_ok()
    })
    .await;
    while hear(&mut watch).await != "k=2" {}
}
