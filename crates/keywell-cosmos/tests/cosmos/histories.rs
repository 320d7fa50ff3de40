//! Histories of clients in one process and in several.

use keywell_conformance::history::{History, Plan, seeds};
use keywell_store::Reads;

use crate::place::{open, options, server, store};

fn check(seed: u64, history: &History) {
    assert_eq!(history.reads, Reads::OwnWrites);
    if let Err(violation) = history.check() {
        panic!("KEYWELL_SEED={seed} KEYWELL_HISTORIES=1\n{violation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_read_their_own_writes() {
    let options = options(server());
    let (one, two) = (store(&options).await, store(&options).await);
    let buckets = [open(&one, "b").await, open(&two, "b").await];
    for seed in seeds(6) {
        let plan = Plan {
            prefix: format!("{seed:x}/"),
            ..Plan::seeded(seed)
        };
        check(seed, &plan.run_between(&buckets).await);
    }
}
