//! Every write of a worker has every accident, and the worker comes to the same end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use keywell_disk::DiskStore;
use keywell_memory::MemoryStore;
use keywell_redis::{Options, RedisStore};
use keywell_servers::Redis;
use keywell_store::Store;

use crate::component::{World, run_to_the_end};
use crate::doubles::{ACCIDENTS, Abilities, Fuse};

async fn values(world: &World) -> Vec<Option<String>> {
    let mut values = Vec::new();
    for key in ["count", "cart", "state", "old-1"] {
        values.push(world.value(key).await);
    }
    values
}

/// Worlds come one after the other: the one before may be gone.
async fn enumerate(world: impl AsyncFn() -> World, step: usize) {
    let peaceful = world().await;
    let fuse = Fuse::never();
    let expected = run_to_the_end(&peaceful, &fuse).await;
    let left = values(&peaceful).await;
    assert_eq!(expected.len(), 3);
    let writes = fuse.count();
    assert!(writes > 20, "{writes}");
    for accident in ACCIDENTS {
        for at in (0..writes).step_by(step) {
            let world = world().await;
            let answers = run_to_the_end(&world, &Fuse::new(at, accident)).await;
            let place = format!("{accident:?} at write {at} of {writes}");
            assert_eq!(answers, expected, "{place}");
            assert_eq!(values(&world).await, left, "{place}");
            let requests = world.requests.lock();
            assert_eq!(requests.len(), 3, "{place}: {requests:?}");
            // An interrupted one is sent again, with its key.
            assert!(requests.values().all(|(_, sent)| *sent <= 2), "{place}");
        }
    }
}

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

#[tokio::test]
async fn in_one_store_that_transacts() {
    let world = async || {
        let store = memory();
        World::new(store.clone(), store, Abilities::All)
    };
    enumerate(world, 1).await;
}

#[tokio::test]
async fn with_the_journal_in_another_store() {
    enumerate(async || World::new(memory(), memory(), Abilities::All), 1).await;
}

#[tokio::test]
async fn in_a_store_that_compares_versions() {
    let world = async || {
        let store = memory();
        World::new(store.clone(), store, Abilities::Versions)
    };
    enumerate(world, 1).await;
}

#[tokio::test]
async fn in_a_store_that_compares_values() {
    let world = async || World::new(memory(), memory(), Abilities::Values);
    enumerate(world, 1).await;
}

#[tokio::test]
async fn on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let number = AtomicU32::new(0);
    let open = || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let place = folder.path().join(number.to_string());
        Arc::new(DiskStore::builder().open(&place).unwrap()) as Arc<dyn Store>
    };
    let one = async || {
        let store = open();
        World::new(store.clone(), store, Abilities::All)
    };
    enumerate(one, 7).await;
    let two = async || World::new(open(), open(), Abilities::All);
    enumerate(two, 9).await;
}

/// The plain and the flat layout compare values and transact over all buckets, the other compares
/// versions and transacts over one.
#[tokio::test]
async fn on_redis() {
    let redis = Redis::start().await.unwrap();
    let number = AtomicU32::new(0);
    for (layout, step) in [("plain", 5), ("flat", 13), ("journal", 6)] {
        let world = async || {
            let mut url = format!("{}?layout={layout}&answer-timeout=20s", redis.url());
            if layout == "plain" {
                // It has no prefix.
                redis.flush().await.unwrap();
            } else {
                let number = number.fetch_add(1, Ordering::Relaxed);
                url += &format!("&prefix=w{number}:");
            }
            let options = Options::from_url(&url).unwrap();
            let store: Arc<dyn Store> = Arc::new(RedisStore::connect(&options).await.unwrap());
            World::new(store.clone(), store, Abilities::All)
        };
        enumerate(world, step).await;
    }
}
