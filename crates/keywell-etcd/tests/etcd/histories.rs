//! Histories of clients in one process and in several.

use keywell_conformance::history::{History, Plan, seeds};
use keywell_servers::EtcdCluster;
use keywell_store::Reads;

use crate::place::{open, options, server, store};

fn check(seed: u64, history: &History) {
    assert_eq!(history.reads, Reads::Latest);
    if let Err(violation) = history.check() {
        panic!("KEYWELL_SEED={seed} KEYWELL_HISTORIES=1\n{violation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_are_linearizable() {
    let options = options(server().await);
    let (one, two) = (store(&options).await, store(&options).await);
    let buckets = [open(&one, "b").await, open(&two, "b").await];
    for seed in seeds(10) {
        let plan = Plan {
            prefix: format!("{seed:x}/"),
            ..Plan::seeded(seed)
        };
        check(seed, &plan.run_between(&buckets).await);
    }
}

/// Each process reads from another server, and one of them lags behind for a while.
#[tokio::test(flavor = "multi_thread")]
async fn processes_on_several_servers_are_linearizable() {
    let cluster = EtcdCluster::start(3).await.unwrap();
    let leader = cluster.leader().await.unwrap();
    let mut stores = Vec::new();
    let mut buckets = Vec::new();
    for server in cluster.servers() {
        let mut options = options(server);
        "shared".clone_into(&mut options.prefix);
        let store = store(&options).await;
        buckets.push(open(&store, "b").await);
        stores.push(store);
    }
    for seed in seeds(4) {
        let plan = Plan {
            prefix: format!("{seed:x}/"),
            operations: 25,
            ..Plan::seeded(seed)
        };
        let running = plan.run_between(&buckets);
        let freezing = async {
            let follower = &cluster.servers()[(leader + 1) % 3];
            follower.freeze().unwrap();
            let frozen = std::future::pending::<()>();
            let while_frozen = std::time::Duration::from_millis(200);
            drop(tokio::time::timeout(while_frozen, frozen).await);
            follower.thaw().unwrap();
        };
        let (history, ()) = tokio::join!(running, freezing);
        check(seed, &history);
    }
}
