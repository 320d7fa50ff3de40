//! Servers that are killed, frozen and slow.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use keywell_servers::{Memcached, Proxy, Towards};
use keywell_store::{Bucket, Change, Error, Expected, Set, Swap};
use tokio::time::{Instant, timeout};

use crate::place::{open, options, store};

const VALUE: Bytes = Bytes::from_static(b"v");

/// Writes until it can, which it has to soon.
async fn until_written(bucket: &dyn Bucket, key: &str) {
    let writing = async {
        while bucket.set(key, VALUE, Set::default()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    let written = timeout(Duration::from_secs(30), writing).await;
    written.expect("it recovers");
}

#[tokio::test(flavor = "multi_thread")]
async fn increments_of_many_count_once_over_a_way_that_is_cut() {
    let server = Memcached::start().await.unwrap();
    let proxy = Proxy::to(server.addr()).await.unwrap();
    let mut options = options([&server]);
    options.servers = vec![proxy.addr().to_string()];
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    for _ in 0..5 {
        proxy.cut_after_bytes(Towards::Client, 2000);
        let each = (0..100).map(|_| {
            let bucket: Arc<dyn Bucket> = bucket.clone();
            tokio::spawn(async move { bucket.increment("n", 1).await })
        });
        let (mut done, mut doubtful) = (0, 0);
        let before = counter(&*bucket).await;
        for ended in join_all(each).await {
            match ended.unwrap() {
                Ok(_) => done += 1,
                Err(Error::Ambiguous(_)) => doubtful += 1,
                Err(Error::Unavailable(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        let counted = counter(&*bucket).await - before;
        let is_right = (done..=done + doubtful).contains(&counted);
        assert!(is_right, "{done} + {doubtful}: {counted}");
        assert!(done > 0);
    }
}

async fn counter(bucket: &dyn Bucket) -> i64 {
    let reading = async {
        loop {
            if let Ok(read) = bucket.get("n").await {
                return read;
            }
        }
    };
    let read = timeout(Duration::from_secs(30), reading).await.unwrap();
    read.map_or(0, |entry| {
        std::str::from_utf8(&entry.value).unwrap().parse().unwrap()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_is_unavailable_and_comes_back_empty() {
    let servers = [
        Memcached::start().await.unwrap(),
        Memcached::start().await.unwrap(),
    ];
    let mut options = options(&servers);
    options.answer_timeout = Duration::from_millis(500);
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    let keys: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let entries = keys.iter().map(|key| (&**key, VALUE));
    bucket.set_many(entries.collect()).await.unwrap();
    servers[0].kill().await.unwrap();
    let mut there = 0;
    let mut refused = Vec::new();
    for key in &keys {
        match bucket
            .set(key, Bytes::from_static(b"w"), Set::default())
            .await
        {
            Ok(_) => there += 1,
            Err(Error::Unavailable(_)) => refused.push(key.as_str()),
            // The first one may have been sent to a server that was gone already.
            Err(Error::Ambiguous(_)) => {}
            Err(error) => panic!("{error}"),
        }
        // The first keys may all be on the one server.
        if refused.len() >= 3 && there > 0 {
            break;
        }
    }
    assert!(
        there > 0 && refused.len() >= 3,
        "no key moves to another server"
    );
    assert!(store_health(&store).await.is_err());
    servers[0].restart().await.unwrap();
    until_written(&*bucket, "after").await;
    let read = bucket.get_many(&refused).await.unwrap();
    assert!(
        read.iter().all(Option::is_none),
        "it forgot them, and none landed later"
    );
}

async fn store_health(store: &keywell_memcached::MemcachedStore) -> Result<(), Error> {
    use keywell_store::Store as _;
    store.health().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_leaves_writes_in_doubt_and_reads_unanswered() {
    let server = Memcached::start().await.unwrap();
    let mut options = options([&server]);
    options.answer_timeout = Duration::from_millis(500);
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    let version = bucket
        .set("n", Bytes::from_static(b"1"), Set::default())
        .await
        .unwrap();
    server.freeze().unwrap();
    let begun = Instant::now();
    let change = Change::Set(Bytes::from_static(b"2"), Set::default());
    let swapped = bucket
        .swap("n", Expected::At(version.clone()), change.clone())
        .await;
    assert!(matches!(swapped, Err(Error::Ambiguous(_))), "{swapped:?}");
    let read = bucket.get("n").await;
    assert!(matches!(read, Err(Error::Unavailable(_))), "{read:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    server.thaw().unwrap();
    until_written(&*bucket, "after").await;
    // It was sent once, and what it expected is gone if it took effect.
    let value = bucket.get("n").await.unwrap().unwrap().value;
    let again = bucket
        .swap("n", Expected::At(version), change)
        .await
        .unwrap();
    assert_eq!(again == Swap::Stale, value == "2", "{value:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_off_leaves_a_write_in_doubt() {
    let server = Memcached::start().await.unwrap();
    let proxy = Proxy::to(server.addr()).await.unwrap();
    let mut options = options([&server]);
    options.servers = vec![proxy.addr().to_string()];
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    proxy.stall(Towards::Client);
    let set = bucket.set("k", Bytes::from_static(b"w"), Set::default());
    let cutting = async {
        // By then the server has it.
        let mut other = options.clone();
        other.servers = vec![server.addr().to_string()];
        let other = open(&crate::place::store(&other).await, "b").await;
        while other.get("k").await.unwrap().unwrap().value != "w" {
            tokio::task::yield_now().await;
        }
        proxy.cut();
    };
    let (ended, ()) = tokio::join!(set, cutting);
    proxy.flow(Towards::Client);
    assert!(matches!(ended, Err(Error::Ambiguous(_))), "{ended:?}");
    // A slow way is slow, and no fault.
    proxy.delay(Duration::from_millis(50));
    assert_eq!(bucket.get("k").await.unwrap().unwrap().value, "w");
    bucket.set("k", VALUE, Set::default()).await.unwrap();
}

/// One that gave up waits for nothing, and others get their own answers.
#[tokio::test(flavor = "multi_thread")]
async fn answers_stay_with_their_commands_when_callers_go_away() {
    let server = Memcached::start().await.unwrap();
    let proxy = Proxy::to(server.addr()).await.unwrap();
    let mut options = options([&server]);
    options.servers = vec![proxy.addr().to_string()];
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    for number in 0..50 {
        let (key, value) = (number.to_string(), Bytes::from(number.to_string()));
        bucket.set(&key, value, Set::default()).await.unwrap();
    }
    proxy.delay(Duration::from_millis(20));
    let reads = (0..50).map(|number| {
        let bucket = bucket.clone();
        async move {
            let key = number.to_string();
            let patience = if number % 2 == 0 { 10 } else { 5000 };
            let read = timeout(Duration::from_millis(patience), bucket.get(&key)).await;
            if let Ok(read) = read {
                assert_eq!(read.unwrap().unwrap().value, key);
            }
        }
    });
    join_all(reads).await;
}
