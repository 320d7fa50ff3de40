//! Histories of clients in one process and in several.

use keywell_conformance::history::{Plan, seeds};
use keywell_store::Reads;

use crate::place::{open, options, server, store};

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_are_linearizable() {
    let options = options(server().await.url());
    let (one, two) = (store(&options).await, store(&options).await);
    let buckets = [open(&one, "b").await, open(&two, "b").await];
    for seed in seeds(8) {
        let plan = Plan {
            prefix: format!("{seed:x}/"),
            ..Plan::seeded(seed)
        };
        let history = plan.run_between(&buckets).await;
        assert_eq!(history.reads, Reads::Latest);
        if let Err(violation) = history.check() {
            panic!("KEYWELL_SEED={seed} KEYWELL_HISTORIES=1\n{violation}");
        }
    }
}
