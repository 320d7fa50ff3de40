//! Every write of a worker has every accident, and the worker comes to the same end.

use std::sync::Arc;

use keywell_disk::DiskStore;
use keywell_memory::MemoryStore;
use keywell_store::Store;

use crate::component::{World, run_to_the_end};
use crate::doubles::{ACCIDENTS, Abilities, Accident, Fuse};

async fn enumerate(world: impl Fn() -> World, step: usize) {
    let peaceful = world();
    let fuse = Fuse::never();
    let expected = run_to_the_end(&peaceful, &fuse).await;
    assert_eq!(expected.len(), 3);
    let writes = fuse.count();
    assert!(writes > 20, "{writes}");
    for accident in ACCIDENTS {
        for at in (0..writes).step_by(step) {
            let world = world();
            let answers = run_to_the_end(&world, &Fuse::new(at, accident)).await;
            let place = format!("{accident:?} at write {at} of {writes}");
            assert_eq!(answers, expected, "{place}");
            for key in ["count", "cart", "state", "old-1"] {
                let (found, expected) = (world.value(key).await, peaceful.value(key).await);
                assert_eq!(found, expected, "{key} with {place}");
            }
            let requests = world.requests.lock();
            assert_eq!(requests.len(), 3, "{place}: {requests:?}");
            let most = if accident == Accident::CrashBefore {
                1
            } else {
                2
            };
            assert!(requests.values().all(|(_, sent)| *sent <= most), "{place}");
        }
    }
}

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

#[tokio::test]
async fn in_one_store_that_transacts() {
    enumerate(
        || {
            let store = memory();
            World::new(store.clone(), store, Abilities::All)
        },
        1,
    )
    .await;
}

#[tokio::test]
async fn with_the_journal_in_another_store() {
    enumerate(|| World::new(memory(), memory(), Abilities::All), 1).await;
}

#[tokio::test]
async fn in_a_store_that_compares_versions() {
    enumerate(
        || {
            let store = memory();
            World::new(store.clone(), store, Abilities::Versions)
        },
        1,
    )
    .await;
}

#[tokio::test]
async fn in_a_store_that_compares_values() {
    enumerate(|| World::new(memory(), memory(), Abilities::Values), 1).await;
}

#[tokio::test]
async fn on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicU32::new(0);
    let open = || {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let place = folder.path().join(number.to_string());
        Arc::new(DiskStore::builder().open(&place).unwrap()) as Arc<dyn Store>
    };
    enumerate(
        || {
            let store = open();
            World::new(store.clone(), store, Abilities::All)
        },
        7,
    )
    .await;
    enumerate(|| World::new(open(), open(), Abilities::All), 9).await;
}
