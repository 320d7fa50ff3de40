//! The `SQLite` store passes the conformance suite, also across restarts, and its histories are
//! linearizable, also beside another process.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use keywell_conformance::Subject;
use keywell_conformance::history::{Faults, Faulty, History, Plan, seeds};
use keywell_sqlite::SqliteStore;
use keywell_store::{Bucket, BucketName, Result, Store};

/// How many lists of random operations are compared with the model.
const CASES: u32 = 100;

async fn sqlite() -> Subject {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let (place, brief) = (folder.path().join("store.db"), folder.path().join("brief"));
    let number = AtomicU32::new(0);
    Subject::new(open(&place, None).expect("a new file opens"))
        .reopening(move || {
            let place = place.clone();
            async move { Ok(Arc::new(open(&place, None)?) as Arc<dyn Store>) }
        })
        .with_brief_history(100, move || {
            let number = number.fetch_add(1, Ordering::Relaxed);
            let place = brief.with_extension(number.to_string());
            async move { Ok(Arc::new(open(&place, Some(8))?) as Arc<dyn Store>) }
        })
        .keeping(folder)
}

fn open(place: &Path, history: Option<u64>) -> Result<SqliteStore> {
    let mut options = SqliteStore::builder();
    if let Some(events) = history {
        options = options.history_events(events);
    }
    Ok(options.open(place)?)
}

keywell_conformance::suite!(sqlite);

#[test]
fn it_answers_as_a_model_does() {
    let driven = keywell_conformance::models::drive(CASES, sqlite);
    driven.unwrap_or_else(|found| panic!("{found}"));
}

/// Fails with the first violation, and the seed that replays it.
async fn explained(usual: u64, run: impl AsyncFn(Plan) -> History) {
    for seed in seeds(usual) {
        if let Err(violation) = run(Plan::seeded(seed)).await.check() {
            panic!("KEYWELL_SEED={seed} KEYWELL_HISTORIES=1\n{violation}");
        }
    }
}

async fn bucket(store: &SqliteStore) -> Arc<dyn Bucket> {
    let opened = store.open(&BucketName::default()).await;
    opened.expect("every name opens")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_is_linearizable() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let store = open(&folder.path().join("store.db"), None).expect("a new file opens");
    let bucket = bucket(&store).await;
    explained(10, async |plan| plan.run_on_threads(bucket.clone()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_is_linearizable_on_a_bad_network() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let store = open(&folder.path().join("store.db"), None).expect("a new file opens");
    let bucket = bucket(&store).await;
    let harsh = |plan: &Plan| Arc::new(Faulty::new(bucket.clone(), Faults::harsh(plan.seed)));
    explained(10, async |plan| plan.run(harsh(&plan)).await).await;
}

/// Each store has connections of its own, as another process would have.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_stores_of_one_file_are_linearizable_together() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let place = folder.path().join("store.db");
    let mut buckets = Vec::new();
    for _ in 0..3 {
        buckets.push(bucket(&open(&place, None).expect("the file opens")).await);
    }
    explained(10, async |plan| plan.run_between(&buckets).await).await;
}
