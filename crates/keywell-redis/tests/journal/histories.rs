//! The answers to concurrent clients are linearizable.

use std::sync::Arc;

use keywell_conformance::history::{Faults, Faulty, Plan, seeds};

use crate::support::{bucket, open, orders};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_journal_is_linearizable() {
    let redis = keywell_servers::Redis::start().await.unwrap();
    let bucket = bucket(&open(&redis, "&shards=2&connections=4").await).await;
    for seed in seeds(20) {
        let history = Plan::seeded(seed).run_on_threads(bucket.clone()).await;
        if let Err(violation) = history.check() {
            panic!("KEYWELL_SEED={seed} KEYWELL_HISTORIES=1\n{violation}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_journal_is_linearizable_on_a_bad_network() {
    let (_redis, bucket) = orders("").await;
    for seed in seeds(20) {
        let faulty = Arc::new(Faulty::new(bucket.clone(), Faults::harsh(seed)));
        let history = Plan::seeded(seed).run_on_threads(faulty).await;
        if let Err(violation) = history.check() {
            panic!("KEYWELL_SEED={seed} KEYWELL_HISTORIES=1\n{violation}");
        }
    }
}
