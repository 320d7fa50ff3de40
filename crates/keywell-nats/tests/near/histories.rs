//! Histories of clients in one process and in several.

use std::sync::Arc;
use std::time::Duration;

use keywell_conformance::history::{History, Plan, seeds};
use keywell_nats::{Caching, JetStreamOptions, JetStreamStore};
use keywell_servers::NatsCluster;
use keywell_store::{Bucket, Reads};

use crate::place::{MODES, open, options, server};

fn check(seed: u64, history: &History) {
    if let Err(violation) = history.check() {
        panic!("KEYWELL_SEED={seed} KEYWELL_HISTORIES=1\n{violation}");
    }
}

/// Clients of one process share a copy, so they read the writes of each other.
#[tokio::test(flavor = "multi_thread")]
async fn one_process_is_linearizable() {
    let server = server().await;
    for cache in MODES {
        let (_store, bucket) = open(options(&server, cache)).await;
        for seed in seeds(20) {
            let plan = Plan {
                prefix: format!("{cache}{seed:x}/"),
                ..Plan::seeded(seed)
            };
            let mut history = plan.run(bucket.clone()).await;
            assert_eq!(history.reads, Reads::OwnWrites);
            check(seed, &history);
            history.reads = Reads::Latest;
            check(seed, &history);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_read_their_own_writes_and_never_go_back() {
    let server = server().await;
    for cache in MODES {
        let mut stores: Vec<JetStreamStore> = Vec::new();
        let mut buckets: Vec<Arc<dyn Bucket>> = Vec::new();
        for _ in 0..3 {
            let (store, bucket) = open(options(&server, cache)).await;
            stores.push(store);
            buckets.push(bucket);
        }
        for seed in seeds(20) {
            let plan = Plan {
                clients: 6,
                prefix: format!("{cache}{seed:x}/"),
                ..Plan::seeded(seed)
            };
            check(seed, &plan.run_between(&buckets).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_copy_several_processes_are_linearizable() {
    let server = server().await;
    let (_one, one) = open(options(&server, Caching::Off)).await;
    let (_two, two) = open(options(&server, Caching::Off)).await;
    let buckets = [one, two];
    for seed in seeds(10) {
        let history = Plan::seeded(seed).run_between(&buckets).await;
        assert_eq!(history.reads, Reads::Latest);
        check(seed, &history);
    }
}

/// The servers of a cluster lag behind the leader of a stream, the more so one that was frozen. Swaps
/// and reads by sequence still answer what is true.
#[tokio::test(flavor = "multi_thread")]
async fn processes_on_lagging_servers_read_their_own_writes_and_never_go_back() {
    let cluster = NatsCluster::start(3).await.unwrap();
    for cache in MODES {
        let mut stores: Vec<JetStreamStore> = Vec::new();
        let mut buckets: Vec<Arc<dyn Bucket>> = Vec::new();
        for server in &cluster.servers()[..2] {
            let mut options = JetStreamOptions::new([server.addr().to_string()]);
            options.cache = cache;
            options.replicas = Some(3);
            let (store, bucket) = open(options).await;
            stores.push(store);
            buckets.push(bucket);
        }
        for seed in seeds(6) {
            let plan = Plan {
                prefix: format!("{cache}{seed:x}/"),
                operations: 25,
                ..Plan::seeded(seed)
            };
            let running = plan.run_between(&buckets);
            let freezing = async {
                // No client is connected to it.
                cluster.servers()[2].freeze().unwrap();
                let frozen = std::future::pending::<()>();
                drop(tokio::time::timeout(Duration::from_millis(50), frozen).await);
                cluster.servers()[2].thaw().unwrap();
            };
            let (history, ()) = tokio::join!(running, freezing);
            check(seed, &history);
        }
    }
}
