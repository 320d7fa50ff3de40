//! Mistakes that the checker catches. All histories except those on threads are deterministic.

use std::sync::Arc;

use keywell_conformance::history::{Faults, Faulty, Plan, Violation};
use keywell_memory::MemoryStore;
use keywell_store::{Bucket, BucketName, Store};

use crate::broken::{Broken, Mistake};

/// The number of seeds within which a mistake must show.
const SEEDS: u64 = 12;

async fn memory() -> Arc<dyn Bucket> {
    let store = MemoryStore::new();
    store.open(&BucketName::default()).await.unwrap()
}

async fn first_violation(
    mistake: Mistake,
    faults: impl Fn(u64) -> Faults,
) -> Option<(u64, Box<Violation>)> {
    for seed in 0..SEEDS {
        let network = Arc::new(Faulty::new(memory().await, faults(seed)));
        let store = Arc::new(Broken::new(network, mistake));
        if let Err(violation) = Plan::seeded(seed).run(store).await.check() {
            return Some((seed, violation));
        }
    }
    None
}

async fn caught(mistake: Mistake, faults: impl Fn(u64) -> Faults) -> String {
    let found = first_violation(mistake, faults).await;
    let (seed, violation) = found.unwrap_or_else(|| panic!("the checker misses {mistake:?}"));
    let story = violation.to_string();
    println!("{mistake:?}, seed {seed}: {story}");
    assert!(violation.operations().len() < 12, "a long story:\n{story}");
    story
}

#[tokio::test]
async fn a_store_without_a_mistake_is_explained() {
    for faults in [Faults::delays, Faults::harsh] {
        let found = first_violation(Mistake::None, faults).await;
        assert!(found.is_none(), "{}", found.unwrap().1);
    }
}

#[tokio::test]
async fn a_store_that_retries_increments_is_caught() {
    caught(Mistake::RetriesIncrements, Faults::harsh).await;
}

#[tokio::test]
async fn a_lost_update_is_caught() {
    caught(Mistake::IncrementsInTwoSteps, Faults::delays).await;
}

/// Memory answers in a microsecond, so another thread must write within that time.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_update_is_caught_though_it_takes_a_microsecond() {
    // On one processor, threads hardly ever meet.
    if std::thread::available_parallelism().unwrap().get() == 1 {
        return;
    }
    for seed in 0..5000 {
        let store = Arc::new(Broken::new(memory().await, Mistake::IncrementsInTwoSteps));
        let history = Plan::seeded(seed).run_on_threads(store).await;
        if let Err(violation) = history.check() {
            println!("after {seed} histories: {violation}");
            return;
        }
    }
    panic!("it goes unnoticed");
}

#[tokio::test]
async fn a_swap_that_compares_values_is_caught() {
    let story = caught(Mistake::ComparesValues, Faults::delays).await;
    assert!(story.contains("swap #"), "{story}");
}

#[tokio::test]
async fn a_swap_on_an_absent_key_that_overwrites_its_creator_is_caught() {
    let story = caught(Mistake::OverwritesCreators, Faults::delays).await;
    assert!(story.contains("swap absent"), "{story}");
}

#[tokio::test]
async fn a_swap_that_reports_failure_after_it_has_written_is_caught() {
    let story = caught(Mistake::SwapsAndSaysStale, Faults::delays).await;
    assert!(story.contains("stale"), "{story}");
}

#[tokio::test]
async fn a_stale_cached_read_is_caught() {
    caught(Mistake::CachesTooLong, Faults::delays).await;
}

#[tokio::test]
async fn a_write_that_happened_though_it_was_refused_is_caught() {
    caught(Mistake::CallsAmbiguousUnavailable, Faults::harsh).await;
}

#[tokio::test]
async fn a_network_that_repeats_writes_is_caught() {
    let repeats = |seed| {
        let mut faults = Faults::delays(seed);
        faults.writes.duplicate = 0.3;
        faults
    };
    caught(Mistake::None, repeats).await;
}

#[tokio::test]
async fn a_network_that_repeats_increments_and_swaps_is_caught() {
    let repeats = |seed| {
        let mut faults = Faults::delays(seed);
        faults.atomics.duplicate = 0.3;
        faults
    };
    caught(Mistake::None, repeats).await;
}
