//! Fifty watches on one store, which begin and end at any time, with no effect on each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_servers::Redis;
use keywell_store::{Bucket, Event, Filter, Set, Since};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::{PATIENCE, bucket, on_both_layouts, open, patient, seed};

on_both_layouts! {
    fifty_watches_begin_and_end_at_any_time
    an_unread_watch_holds_up_no_other
}

const KEYS: u64 = 10;
const WATCHES: u64 = 50;

/// Counts each key up, in turns, until `stop`; then writes `end` to each.
async fn write(bucket: Arc<dyn Bucket>, stop: Arc<AtomicBool>) {
    let mut number = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        for key in 0..KEYS {
            let value = Bytes::from(number.to_string());
            bucket
                .set(&key.to_string(), value, Set::default())
                .await
                .unwrap();
        }
    }
    for key in 0..KEYS {
        bucket
            .set(&key.to_string(), "end".into(), Set::default())
            .await
            .unwrap();
    }
}

/// Checks that the values of a watch are of its key, and go up; on the journal by one each.
async fn listen(
    bucket: Arc<dyn Bucket>,
    seed: u64,
    layout: String,
    stop: Arc<AtomicBool>,
    last: Arc<Barrier>,
) -> u64 {
    let mut chance = StdRng::seed_from_u64(seed);
    let mut received = 0;
    loop {
        let key = chance.random_range(0..KEYS).to_string();
        let mut watch = bucket
            .watch(Filter::Key(key.clone()), Since::Now)
            .await
            .unwrap();
        let is_last = stop.load(Ordering::Relaxed);
        let events = if is_last {
            last.wait().await;
            u64::MAX
        } else {
            chance.random_range(0..30)
        };
        let mut before = None;
        for _ in 0..events {
            let event = timeout(PATIENCE, watch.next())
                .await
                .expect("an event comes");
            let Event::Set { key: of, value, .. } = event.unwrap().unwrap() else {
                panic!("nothing is deleted, and nothing is lost");
            };
            assert_eq!(of, key);
            received += 1;
            if value == "end" {
                return received;
            }
            let number: u64 = String::from_utf8_lossy(&value).parse().unwrap();
            if let Some(before) = before {
                assert!(number > before || layout == "plain" && number == before);
                assert!(
                    number == before + 1 || layout == "plain",
                    "{number} after {before}"
                );
            }
            before = Some(number);
        }
    }
}

async fn fifty_watches_begin_and_end_at_any_time(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &patient(layout)).await;
    let seed = seed();
    let stop = Arc::new(AtomicBool::new(false));
    let finish = Arc::new(AtomicBool::new(false));
    let last = Arc::new(Barrier::new(usize::try_from(WATCHES).unwrap() + 1));
    let mut listeners = JoinSet::new();
    for number in 0..WATCHES {
        let bucket = bucket(&store, "b").await;
        let seed = seed.wrapping_add(number);
        listeners.spawn(listen(
            bucket,
            seed,
            layout.to_owned(),
            finish.clone(),
            last.clone(),
        ));
    }
    let writer = tokio::spawn(write(bucket(&store, "b").await, stop.clone()));
    // A few seconds of watches that come and go; then each listener keeps its next one to the end.
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(100));
    for _ in 0..20 {
        ticks.tick().await;
        assert!(!writer.is_finished(), "the writer goes on");
    }
    finish.store(true, Ordering::Relaxed);
    timeout(PATIENCE, last.wait())
        .await
        .expect("every last watch begins");
    stop.store(true, Ordering::Relaxed);
    timeout(PATIENCE, writer).await.expect("it ends").unwrap();
    let received = timeout(PATIENCE, listeners.join_all()).await;
    let received = received.expect("every watch receives the end");
    assert!(received.iter().all(|events| *events > 0), "{received:?}");
    println!("{} events", received.iter().sum::<u64>());
}

async fn an_unread_watch_holds_up_no_other(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &patient(layout)).await;
    let bucket = bucket(&store, "b").await;
    let mut unread = Vec::new();
    for _ in 0..5 {
        unread.push(bucket.watch(Filter::All, Since::Now).await.unwrap());
    }
    let mut read = bucket
        .watch(Filter::Key("last".into()), Since::Now)
        .await
        .unwrap();
    let value = Bytes::from(vec![b'x'; 1000]);
    for number in 0..20_000 {
        let key = (number % 5000).to_string();
        bucket
            .set(&key, value.clone(), Set::default())
            .await
            .unwrap();
    }
    bucket.set("last", value, Set::default()).await.unwrap();
    let event = timeout(PATIENCE, read.next())
        .await
        .expect("an event comes");
    assert_eq!(event.unwrap().unwrap().key(), Some("last"));
    drop(unread);
}
