use std::sync::Arc;

use keywell_conformance::history::{Faults, Faulty, History, Plan, seeds};
use keywell_disk::DiskStore;
use keywell_memory::MemoryStore;
use keywell_store::{Bucket, BucketName, Store};

async fn open(store: &dyn Store) -> Arc<dyn Bucket> {
    store.open(&BucketName::default()).await.unwrap()
}

/// Fails with the first violation, and the seed that replays it.
async fn explained(usual: u64, run: impl AsyncFn(Plan) -> History) {
    for seed in seeds(usual) {
        if let Err(violation) = run(Plan::seeded(seed)).await.check() {
            panic!("KEYWELL_SEED={seed} KEYWELL_HISTORIES=1\n{violation}");
        }
    }
}

fn harsh(bucket: &Arc<dyn Bucket>, plan: &Plan) -> Arc<Faulty> {
    Arc::new(Faulty::new(bucket.clone(), Faults::harsh(plan.seed)))
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_linearizable() {
    let bucket = open(&MemoryStore::new()).await;
    explained(100, async |plan| plan.run_on_threads(bucket.clone()).await).await;
}

/// On one thread, so that the seed determines the history.
#[tokio::test]
async fn memory_is_linearizable_on_a_bad_network() {
    let bucket = open(&MemoryStore::new()).await;
    explained(100, async |plan| plan.run(harsh(&bucket, &plan)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_linearizable_on_a_bad_network_from_several_threads() {
    let bucket = open(&MemoryStore::new()).await;
    let run = async |plan: Plan| plan.run_on_threads(harsh(&bucket, &plan)).await;
    explained(50, run).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn disk_is_linearizable() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = open(&DiskStore::open(folder.path()).unwrap()).await;
    explained(10, async |plan| plan.run_on_threads(bucket.clone()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn disk_is_linearizable_on_a_bad_network() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = open(&DiskStore::open(folder.path()).unwrap()).await;
    explained(10, async |plan| plan.run(harsh(&bucket, &plan)).await).await;
}

#[tokio::test]
async fn a_seed_determines_a_history() {
    let run = async || {
        let bucket = open(&MemoryStore::new()).await;
        let faulty = Arc::new(Faulty::new(bucket, Faults::harsh(3)));
        Plan::seeded(3).run(faulty).await.operations
    };
    assert_eq!(run().await, run().await);
}
