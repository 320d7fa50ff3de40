//! Transactions of a bucket of one shard.

use std::time::Duration;

use keywell_servers::{Cluster, Redis};
use keywell_store::{Action, Change, Error, Expected, Set, Transacted, Transacting, Transaction};

use crate::support::{Handle, bucket, connect, get, named, open, received, set, watch};

fn change(value: &'static str) -> Action {
    Action::Change(Change::Set(value.into(), Set::default()))
}

fn transaction<'a>(
    bucket: &Handle,
    writes: impl IntoIterator<Item = (&'a str, Action)>,
) -> Transaction {
    let mut transaction = Transaction::default();
    for (key, action) in writes {
        transaction.write(&**bucket, key, action).unwrap();
    }
    transaction
}

#[tokio::test]
async fn its_events_come_in_the_order_of_its_writes() {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis, "").await;
    let bucket = bucket(&store).await;
    set(&bucket, "gone", "v").await;
    let mut watching = watch(&bucket).await;
    let writes = [
        ("z", change("1")),
        ("gone", Action::Change(Change::Delete)),
        ("none", Action::Change(Change::Delete)),
        ("count", Action::Increment(7)),
        ("a", change("2")),
    ];
    let done = transaction(&bucket, writes).run(&*store).await.unwrap();
    let Transacted::Done(written) = done else {
        panic!("{done:?}");
    };
    let changed: Vec<bool> = written.iter().map(|written| written.has_changed).collect();
    assert_eq!(changed, [true, true, false, true, true]);
    for event in ["z=1", "-gone", "count=7", "a=2"] {
        assert_eq!(received(&mut watching).await, event);
    }
    for (key, written) in ["z", "gone", "none", "count", "a"].iter().zip(&written) {
        let read = bucket.get(key).await.unwrap();
        assert_eq!(read.map(|entry| entry.version), written.version, "{key}");
    }
}

#[tokio::test]
async fn what_another_program_put_there_is_not_counted_on_and_nothing_is_written() {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis, "").await;
    let bucket = bucket(&store).await;
    set(&bucket, "n", "1").await;
    redis.cli(&["DEL", ":keywell:{orders}=n"]).await.unwrap();
    redis
        .cli(&["RPUSH", ":keywell:{orders}=n", "x"])
        .await
        .unwrap();
    let writes = [("before", change("v")), ("n", Action::Increment(1))];
    let refused = transaction(&bucket, writes).run(&*store).await;
    assert!(matches!(refused, Err(Error::Corrupt(_))), "{refused:?}");
    assert!(get(&bucket, "before").await.is_none());
}

#[tokio::test]
async fn keys_whose_time_is_over_are_absent_and_their_ends_come_first() {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis, "").await;
    let bucket = bucket(&store).await;
    let brief = Set::expiring(Duration::from_millis(50)).unwrap();
    for key in ["a", "n"] {
        bucket.set(key, "5".into(), brief).await.unwrap();
    }
    let mut watching = watch(&bucket).await;
    while bucket.exists("n").await.unwrap() || bucket.exists("a").await.unwrap() {
        tokio::task::yield_now().await;
    }
    let mut transaction = transaction(&bucket, [("n", Action::Increment(1)), ("a", change("v"))]);
    transaction.check(&*bucket, "a", Expected::Absent).unwrap();
    let done = transaction.run(&*store).await.unwrap();
    assert!(matches!(done, Transacted::Done(_)), "{done:?}");
    let mut events = Vec::new();
    while events.len() < 4 {
        events.push(received(&mut watching).await);
    }
    events[..2].sort();
    assert_eq!(events, ["~a", "~n", "n=1", "a=v"]);
    let entry = redis.cli(&["PTTL", ":keywell:{orders}=n"]).await.unwrap();
    assert_eq!(entry.trim(), "-1", "it begins without a time to live");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_of_one_shard_has_them_on_a_cluster_too() {
    let cluster = Cluster::start(3, 0).await.unwrap();
    let hosts: Vec<String> = cluster.addrs().iter().map(ToString::to_string).collect();
    let url = format!("redis+cluster://{}", hosts.join(","));
    let store = connect(&url, "").await;
    for name in ["one", "two", "three", "four"] {
        let bucket = named(&store, name).await;
        let writes = [("a", change("v")), ("b", Action::Increment(2))];
        transaction(&bucket, writes).run(&*store).await.unwrap();
        assert_eq!(get(&bucket, "b").await.unwrap().value, "2");
    }
    let (one, two) = (named(&store, "one").await, named(&store, "two").await);
    let mut both = transaction(&one, [("a", change("w"))]);
    both.write(&*two, "a", change("w")).unwrap();
    let refused = both.run(&*store).await;
    assert!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
    let spread = connect(&url, "&shards=2&prefix=spread:").await;
    let bucket = bucket(&spread).await;
    assert_eq!(bucket.capabilities().transact, Transacting::None);
    let refused = Transaction::default().write(&*bucket, "a", change("v"));
    assert!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
}
