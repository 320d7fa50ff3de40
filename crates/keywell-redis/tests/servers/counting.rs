//! No false success and no double increment, whatever befalls the server or the way to it.

use std::sync::Arc;

use futures::FutureExt as _;
use keywell_servers::{Proxy, Redis, Towards};
use keywell_store::{Answer, Bucket, Capabilities, Entry, Error, Set, Version};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::load::{Keeps, Load};
use crate::support::{bucket, hasty, on_both_layouts, open, patient, recovered, seed};

const CLIENTS: usize = 16;

on_both_layouts! {
    connections_are_cut_in_the_middle
    a_server_is_killed_and_comes_back
    a_server_is_frozen_and_goes_on
    a_server_is_restarted_in_an_orderly_way
    scripts_are_forgotten_by_the_server
    many_connections_are_cut
}

async fn durable() -> Redis {
    Redis::builder().append_only(true).start().await.unwrap()
}

async fn connections_are_cut_in_the_middle(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let proxy = Proxy::to(redis.addr()).await.unwrap();
    let store = open(&redis.url_at(proxy.addr()), &hasty(layout)).await;
    cut(&proxy, &bucket(&store, "b").await, 60).await;
}

async fn many_connections_are_cut(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let proxy = Proxy::to(redis.addr()).await.unwrap();
    let settings = format!("{}&connections=4", hasty(layout));
    let store = open(&redis.url_at(proxy.addr()), &settings).await;
    cut(&proxy, &bucket(&store, "b").await, 30).await;
}

async fn cut(proxy: &Proxy, bucket: &Arc<dyn Bucket>, times: usize) {
    let mut chance = StdRng::seed_from_u64(seed());
    let load = Load::start(bucket, CLIENTS, Keeps::All);
    for _ in 0..times {
        let connections = proxy.accepted();
        let towards = if chance.random() {
            Towards::Server
        } else {
            Towards::Client
        };
        match chance.random_range(0..3) {
            0 => proxy.cut(),
            1 => proxy.cut_after_bytes(towards, chance.random_range(1..5000)),
            _ => proxy.cut_after_commands(towards, chance.random_range(1..200)),
        }
        proxy.has_accepted(connections + 1).await.unwrap();
        load.goes_on(100).await;
    }
    let counts = load.check(Keeps::All).await;
    assert!(counts.increments.ambiguous > 0, "{counts:?}");
}

async fn a_server_is_killed_and_comes_back(layout: &str) {
    let redis = durable().await;
    let store = open(&redis.url(), &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    let load = Load::start(&bucket, CLIENTS, Keeps::All);
    for _ in 0..5 {
        load.goes_on(500).await;
        redis.kill().await.unwrap();
        redis.restart().await.unwrap();
    }
    load.goes_on(100).await;
    load.check(Keeps::All).await;
}

async fn a_server_is_frozen_and_goes_on(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    let load = Load::start(&bucket, CLIENTS, Keeps::All);
    for rounds in [1, 2, 4] {
        load.goes_on(500).await;
        redis.freeze().unwrap();
        // Time-outs of an answer: first the answers are late, then the connection is given up.
        for _ in 0..rounds {
            crate::outages::answer_timeout().await;
        }
        redis.thaw().unwrap();
        load.goes_on(500).await;
    }
    let counts = load.check(Keeps::All).await;
    assert!(counts.increments.ambiguous > 0, "{counts:?}");
}

async fn a_server_is_restarted_in_an_orderly_way(layout: &str) {
    let redis = durable().await;
    let store = open(&redis.url(), &hasty(layout)).await;
    let bucket = bucket(&store, "b").await;
    let load = Load::start(&bucket, CLIENTS, Keeps::All);
    for _ in 0..3 {
        load.goes_on(500).await;
        redis.restart().await.unwrap();
    }
    load.goes_on(500).await;
    load.check(Keeps::All).await;
}

async fn scripts_are_forgotten_by_the_server(layout: &str) {
    let redis = Redis::start().await.unwrap();
    let store = open(&redis.url(), &patient(layout)).await;
    let bucket = bucket(&store, "b").await;
    let load = Load::start(&bucket, CLIENTS, Keeps::All);
    for _ in 0..20 {
        load.goes_on(100).await;
        redis.command(&["SCRIPT", "FLUSH"]).await.unwrap();
    }
    let counts = load.check(Keeps::All).await;
    assert_eq!(counts.increments.ambiguous, 0, "{counts:?}");
    recovered(&bucket).await;
}

/// A bucket that sends an increment again when it was not answered, or takes silence for success.
struct Mistaken {
    bucket: Arc<dyn Bucket>,
    sends_again: bool,
}

impl Bucket for Mistaken {
    fn capabilities(&self) -> Capabilities {
        self.bucket.capabilities()
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        self.bucket.get_within(key, max)
    }

    fn set(&self, key: &str, value: bytes::Bytes, how: Set) -> Answer<Version> {
        self.bucket.set(key, value, how)
    }

    fn delete(&self, key: &str) -> Answer<()> {
        self.bucket.delete(key)
    }

    fn swap(
        &self,
        key: &str,
        expected: keywell_store::Expected,
        change: keywell_store::Change,
    ) -> Answer<keywell_store::Swap> {
        self.bucket.swap(key, expected, change)
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        let (bucket, key) = (self.bucket.clone(), key.to_owned());
        let sends_again = self.sends_again;
        let answer = async move {
            match bucket.increment_or_create(&key, delta, created).await {
                Err(Error::Ambiguous(_) | Error::Unavailable(_)) if !sends_again => Ok(0),
                Err(Error::Ambiguous(_)) => loop {
                    match bucket.increment_or_create(&key, delta, created).await {
                        Err(Error::Ambiguous(_) | Error::Unavailable(_)) => {
                            recovered(&bucket).await;
                        }
                        answer => break answer,
                    }
                },
                answer => answer,
            }
        };
        Answer::later(answer)
    }
}

/// These tests see what they are there to see.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_sends_again_or_claims_success_is_caught() {
    for (sends_again, towards) in [(true, Towards::Client), (false, Towards::Server)] {
        let redis = Redis::start().await.unwrap();
        let proxy = Proxy::to(redis.addr()).await.unwrap();
        let store = open(&redis.url_at(proxy.addr()), &hasty("plain")).await;
        let bucket = bucket(&store, "b").await;
        let mistaken: Arc<dyn Bucket> = Arc::new(Mistaken {
            bucket,
            sends_again,
        });
        let checked = std::panic::AssertUnwindSafe(async {
            let load = Load::start(&mistaken, CLIENTS, Keeps::All);
            for _ in 0..20 {
                let connections = proxy.accepted();
                // Within a command: it does not happen. Within an answer: it has.
                proxy.cut_after_bytes(towards, 501);
                proxy.has_accepted(connections + 1).await.unwrap();
                load.goes_on(100).await;
            }
            load.check(Keeps::All).await
        });
        let panic = checked.catch_unwind().await.expect_err("it is caught");
        let words = panic.downcast_ref::<String>().expect("words");
        assert!(words.starts_with("counter: "), "{words}");
    }
}
