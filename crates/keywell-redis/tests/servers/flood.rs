//! A hundred thousand writes: a watch accounts for each.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_servers::Redis;
use keywell_store::{Event, Filter, Set};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::{PATIENCE, bucket, open, patient, short, silent, watch};

const WRITES: u64 = 100_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_delivers_or_counts_each_of_100_000_sets_by_another_program() {
    for (clients, keys) in [("50", "1000"), ("8", "1")] {
        let redis = Redis::start().await.unwrap();
        let store = open(&redis.url(), &format!("{}&prefix=", patient("plain"))).await;
        let bucket = bucket(&store, "").await;
        let mut all = watch(&bucket, Filter::Prefix("key:".into())).await;
        let writes = WRITES.to_string();
        let arguments = ["-n", &writes, "-c", clients, "-r", keys, "-P", "16", "-q"];
        let command = ["SET", "key:__rand_int__", "xxx"];
        let arguments = [&arguments[..], &command].concat();
        let listening = async {
            let mut delivered = 0;
            while delivered + all.coalesced() < WRITES {
                let event = timeout(PATIENCE, all.next()).await;
                let event = event.unwrap_or_else(|_| {
                    panic!("only {delivered} events, {} coalesced", all.coalesced())
                });
                match event.unwrap().unwrap() {
                    Event::Set { key, value, .. } => {
                        assert!(key.starts_with("key:"));
                        assert_eq!(value, "xxx");
                        delivered += 1;
                    }
                    other => panic!("{}", short(&other)),
                }
            }
            delivered
        };
        let (delivered, printed) = tokio::join!(listening, redis.benchmark(&arguments));
        println!(
            "{delivered} events, {} coalesced; {}",
            all.coalesced(),
            printed.unwrap()
        );
        silent(&mut all).await;
        assert_eq!(delivered + all.coalesced(), WRITES);
        assert!(delivered > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn journal_delivers_each_of_100_000_sets() {
    const TASKS: u64 = 64;
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &patient("journal")).await;
    let bucket = bucket(&store, "b").await;
    let mut all = watch(&bucket, Filter::All).await;
    let mut writers = JoinSet::new();
    for task in 0..TASKS {
        let bucket = Arc::clone(&bucket);
        writers.spawn(async move {
            for number in (task..WRITES).step_by(usize::try_from(TASKS).unwrap()) {
                let key = (number % 100).to_string();
                let value = Bytes::from(number.to_string());
                bucket.set(&key, value, Set::default()).await.unwrap();
            }
        });
    }
    let mut delivered = vec![false; usize::try_from(WRITES).unwrap()];
    for count in 0..WRITES {
        let event = timeout(PATIENCE, all.next()).await;
        let event = event.unwrap_or_else(|_| panic!("only {count} came"));
        let Event::Set { key, value, .. } = event.unwrap().unwrap() else {
            panic!("nothing is deleted, and nothing is lost");
        };
        let number: u64 = String::from_utf8_lossy(&value).parse().unwrap();
        assert_eq!(key, (number % 100).to_string());
        let delivered = &mut delivered[usize::try_from(number).unwrap()];
        assert!(!std::mem::replace(delivered, true), "{number} twice");
    }
    writers.join_all().await;
    silent(&mut all).await;
    assert_eq!(all.coalesced(), 0);
}
