//! Every write of a worker has every accident, and the worker comes to the same end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use keywell_disk::DiskStore;
use keywell_memory::MemoryStore;
use keywell_redis::{Options, RedisStore};
use keywell_servers::Redis;
use keywell_store::{BucketName, Store};

use crate::component::{World, run_to_the_end};
use crate::doubles::{ACCIDENTS, Abilities, Fuse};

async fn values(world: &World) -> Vec<Option<String>> {
    let mut values = Vec::new();
    for key in ["count", "cart", "state", "old-1"] {
        values.push(world.value(key).await);
    }
    values
}

/// How many crashes are tried on a store, `KEYWELL_CRASHES` of them if it is set. In memory each write
/// has each accident.
fn crashes(unless_set: u64) -> u64 {
    let set = std::env::var("KEYWELL_CRASHES").ok();
    set.map_or(unless_set, |set| set.parse().unwrap())
}

/// Worlds come one after the other: the one before may be gone.
async fn enumerate(world: impl AsyncFn() -> World, crashes: u64) {
    let peaceful = world().await;
    let fuse = Fuse::never();
    let expected = run_to_the_end(&peaceful, &fuse).await;
    let left = values(&peaceful).await;
    assert_eq!(expected.len(), 3);
    let writes = fuse.count();
    assert!(writes > 20, "{writes}");
    let of_each = crashes.div_ceil(ACCIDENTS.len() as u64);
    let step = writes.div_ceil(of_each);
    for (first, accident) in (0..).zip(ACCIDENTS) {
        // Another part of the writes for each.
        let first = first * step / ACCIDENTS.len() as u64;
        let step = usize::try_from(step).unwrap();
        for at in (first..writes).step_by(step) {
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
    enumerate(world, u64::MAX).await;
}

#[tokio::test]
async fn with_the_journal_in_another_store() {
    enumerate(
        async || World::new(memory(), memory(), Abilities::All),
        u64::MAX,
    )
    .await;
}

#[tokio::test]
async fn with_callers_that_wait() {
    for is_apart in [false, true] {
        let world = async || {
            let journal = memory();
            let data = if is_apart { memory() } else { journal.clone() };
            World {
                waits: true,
                ..World::new(journal, data, Abilities::All)
            }
        };
        enumerate(world, u64::MAX).await;
    }
}

#[tokio::test]
async fn with_a_snapshot_behind_each_invocation() {
    for is_apart in [false, true] {
        let world = async || {
            let journal = memory();
            let data = if is_apart { memory() } else { journal.clone() };
            World {
                waits: true,
                takes_snapshots: true,
                ..World::new(journal, data, Abilities::All)
            }
        };
        enumerate(world, u64::MAX).await;
    }
}

#[tokio::test]
async fn in_a_store_that_compares_versions() {
    let world = async || {
        let store = memory();
        World::new(store.clone(), store, Abilities::Versions)
    };
    enumerate(world, u64::MAX).await;
}

#[tokio::test]
async fn in_a_store_that_compares_values() {
    let world = async || World::new(memory(), memory(), Abilities::Values);
    enumerate(world, u64::MAX).await;
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
    enumerate(one, crashes(24)).await;
    let two = async || World::new(open(), open(), Abilities::All);
    enumerate(two, crashes(24)).await;
}

/// The plain and the flat layout compare values and transact over all buckets, the other compares
/// versions and transacts over one.
#[tokio::test]
async fn on_redis() {
    let redis = Redis::start().await.unwrap();
    let number = AtomicU32::new(0);
    let crashes = crashes(24);
    for layout in ["plain", "flat", "journal"] {
        let world = async || {
            let prefix = if layout == "plain" {
                // It has none.
                redis.flush().await.unwrap();
                String::new()
            } else {
                format!("&prefix=w{}:", number.fetch_add(1, Ordering::Relaxed))
            };
            let url = redis.url();
            let url = format!("{url}?layout={layout}&answer-timeout=20s{prefix}");
            let options = Options::from_url(&url).unwrap();
            let store: Arc<dyn Store> = Arc::new(RedisStore::connect(&options).await.unwrap());
            let world = World::new(store.clone(), store, Abilities::All);
            // The flat layout has no other.
            let bucket = if layout == "flat" {
                BucketName::default()
            } else {
                world.bucket.clone()
            };
            World { bucket, ..world }
        };
        enumerate(world, crashes).await;
    }
}
