//! Servers that are killed and frozen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::join_all;
use keywell_nats::{JetStreamStore, Storage};
use keywell_servers::NatsCluster;
use keywell_store::{Bucket, Change, Error, Event, Expected, Filter, Set, Since, Swap};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::place::{ask, client, open, options, server, store};

const VALUE: Bytes = Bytes::from_static(b"v");

/// Writes until it can, which it has to soon.
async fn until_written(bucket: &dyn Bucket, key: &str) {
    let writing = async {
        while bucket.set(key, VALUE, Set::default()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), writing)
        .await
        .expect("it recovers");
}

/// Counts from several tasks until it is stopped; answers how often it counted, and how often that is
/// not known.
async fn count(
    bucket: Arc<dyn Bucket>,
    is_stopped: Arc<AtomicBool>,
    counted: Arc<watch::Sender<i64>>,
) -> (i64, i64) {
    let each = (0..4).map(|_| {
        let (bucket, is_stopped, counted) = (bucket.clone(), is_stopped.clone(), counted.clone());
        tokio::spawn(async move {
            let (mut done, mut doubtful) = (0, 0);
            while !is_stopped.load(Ordering::Relaxed) {
                match bucket.increment("n", 1).await {
                    Ok(_) => {
                        done += 1;
                        counted.send_modify(|count| *count += 1);
                    }
                    Err(Error::Ambiguous(_)) => doubtful += 1,
                    Err(Error::Unavailable(_)) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
            (done, doubtful)
        })
    });
    let mut sum = (0, 0);
    for ended in join_all(each).await {
        let (done, doubtful) = ended.unwrap();
        sum = (sum.0 + done, sum.1 + doubtful);
    }
    sum
}

async fn until_counted(counted: &watch::Sender<i64>, more: i64) {
    let goal = *counted.borrow() + more;
    let mut counts = counted.subscribe();
    let counting = counts.wait_for(|count| *count >= goal);
    let reached = timeout(Duration::from_mins(1), counting).await;
    reached
        .expect("it goes on counting")
        .expect("it is counted");
}

async fn counter(bucket: &dyn Bucket) -> i64 {
    let entry = bucket.get("n").await.unwrap().unwrap();
    std::str::from_utf8(&entry.value).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn increments_count_once_while_the_server_is_killed() {
    let server = server().await;
    let mut options = options(&server);
    options.answer_timeout = Duration::from_secs(2);
    let store = JetStreamStore::open(options).await.unwrap();
    let bucket = open(&store, "b").await;
    let (is_stopped, counted) = (Arc::default(), Arc::default());
    let counting = tokio::spawn(count(
        bucket.clone(),
        Arc::clone(&is_stopped),
        Arc::clone(&counted),
    ));
    for _ in 0..2 {
        until_counted(&counted, 50).await;
        server.kill().await.unwrap();
        server.restart().await.unwrap();
    }
    until_counted(&counted, 50).await;
    is_stopped.store(true, Ordering::Relaxed);
    let (done, doubtful) = counting.await.unwrap();
    let sum = counter(&*bucket).await;
    assert!(
        (done..=done + doubtful).contains(&sum),
        "{done} + {doubtful}: {sum}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_lands_that_was_unavailable() {
    let server = server().await;
    let store = store(&server).await;
    let bucket = open(&store, "b").await;
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    server.kill().await.unwrap();
    let mut refused = Vec::new();
    let mut doubtful = Vec::new();
    for number in 0..500 {
        let key = format!("k{number}");
        match timeout(
            Duration::from_secs(20),
            bucket.set(&key, VALUE, Set::default()),
        )
        .await
        {
            Ok(Err(Error::Unavailable(_))) => refused.push(key),
            Ok(Err(Error::Ambiguous(_))) => doubtful.push(key),
            other => panic!("{other:?}"),
        }
        if refused.len() > 200 {
            break;
        }
    }
    assert!(
        refused.len() > 200,
        "{} refused, {} in doubt",
        refused.len(),
        doubtful.len()
    );
    server.restart().await.unwrap();
    until_written(&*bucket, "after").await;
    // What the client had kept would have been sent before this.
    let asked: Vec<&str> = refused.iter().map(String::as_str).collect();
    let landed = bucket.get_many(&asked).await.unwrap();
    assert!(landed.iter().all(Option::is_none));
    assert!(bucket.exists("k").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_is_in_doubt_and_what_it_does_later_counts_once() {
    let server = server().await;
    let mut options = options(&server);
    options.answer_timeout = Duration::from_millis(500);
    let store = JetStreamStore::open(options).await.unwrap();
    let bucket = open(&store, "b").await;
    bucket
        .set("n", Bytes::from_static(b"1"), Set::default())
        .await
        .unwrap();
    let version = bucket.get("n").await.unwrap().unwrap().version;
    let client = client(&server).await;
    let sequence = async || {
        let last = json!({ "last_by_subj": "$KV.b.n" });
        let answer = ask(&client, "$JS.API.STREAM.MSG.GET.KV_b", last).await;
        answer["message"]["seq"].as_u64().unwrap()
    };
    let before = sequence().await;
    server.freeze().unwrap();
    let change = Change::Set(Bytes::from_static(b"2"), Set::default());
    let swap = bucket.swap("n", Expected::At(version), change);
    let swapped = swap.await;
    assert!(matches!(swapped, Err(Error::Ambiguous(_))), "{swapped:?}");
    server.thaw().unwrap();
    // Both sendings arrive by now, and one takes effect.
    until_written(&*bucket, "after").await;
    let value = bucket.get("n").await.unwrap().unwrap().value;
    let stored = sequence().await - before;
    let expected = if stored == 0 { "1" } else { "2" };
    assert!(stored <= 1, "it was stored {stored} times");
    assert_eq!(value, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_goes_on_after_its_server_was_killed() {
    let server = server().await;
    let store = store(&server).await;
    let bucket = open(&store, "b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    bucket.set("first", VALUE, Set::default()).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().key(), Some("first"));
    server.kill().await.unwrap();
    server.restart().await.unwrap();
    until_written(&*bucket, "second").await;
    let next = timeout(Duration::from_secs(30), watch.next()).await;
    let event = next.expect("it goes on").unwrap().unwrap();
    assert_eq!(event.key(), Some("second"), "{event:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_in_memory_is_gone_with_its_server() {
    let server = server().await;
    let mut options = options(&server);
    options.storage = Some(Storage::Memory);
    let store = JetStreamStore::open(options).await.unwrap();
    let bucket = open(&store, "b").await;
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    server.kill().await.unwrap();
    server.restart().await.unwrap();
    // The stream is gone, and is created again by the first call.
    let reading = async {
        loop {
            match bucket.get("k").await {
                Ok(read) => break read,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let read = timeout(Duration::from_secs(30), reading)
        .await
        .expect("it recovers");
    assert_eq!(read, None);
    let next = timeout(Duration::from_secs(30), watch.next()).await;
    assert_eq!(next.expect("it notices").unwrap().unwrap(), Event::Gap);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_goes_on_when_the_leader_of_a_bucket_is_killed() {
    let cluster = NatsCluster::start(3).await.expect("a cluster starts");
    let servers = cluster.servers();
    let mut options = options(&servers[0]);
    options.servers = servers
        .iter()
        .map(|server| server.addr().to_string())
        .collect();
    options.replicas = Some(3);
    options.answer_timeout = Duration::from_secs(2);
    let store = JetStreamStore::open(options).await.unwrap();
    let bucket = open(&store, "b").await;
    let (is_stopped, counted) = (Arc::default(), Arc::default());
    let counting = tokio::spawn(count(
        bucket.clone(),
        Arc::clone(&is_stopped),
        Arc::clone(&counted),
    ));
    until_counted(&counted, 50).await;
    let raw = client(&servers[0]).await;
    let info = ask(&raw, "$JS.API.STREAM.INFO.KV_b", json!(null)).await;
    let leader = info["cluster"]["leader"].as_str().unwrap();
    let at: usize = leader.strip_prefix('n').unwrap().parse().unwrap();
    servers[at].kill().await.unwrap();
    until_counted(&counted, 50).await;
    servers[at].restart().await.unwrap();
    until_counted(&counted, 20).await;
    is_stopped.store(true, Ordering::Relaxed);
    let (done, doubtful) = counting.await.unwrap();
    let sum = counter(&*bucket).await;
    assert!(
        (done..=done + doubtful).contains(&sum),
        "{done} + {doubtful}: {sum}"
    );
    // Reads by the leader, transactions and listings work with replicas too.
    let change = Change::Set(VALUE, Set::default());
    let swapped = bucket
        .swap("new", Expected::Absent, change.clone())
        .await
        .unwrap();
    assert!(matches!(swapped, Swap::Done(Some(_))));
    assert_eq!(
        bucket.swap("new", Expected::Absent, change).await.unwrap(),
        Swap::Stale
    );
    let entries = ["a", "b"].map(|key| (key, VALUE));
    bucket.set_many(entries.to_vec()).await.unwrap();
    let page = bucket.list(keywell_store::List::default()).await.unwrap();
    assert_eq!(page.keys, ["a", "b", "n", "new"]);
}
