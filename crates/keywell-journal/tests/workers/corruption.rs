//! What is missing or changed in a journal is named, and stays as it is.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keywell_journal::{Error, Session};
use keywell_memory::MemoryStore;
use keywell_store::{Bucket, BucketName, List, Set, Store, reserved};

use crate::component::{MOST, World, name, run_to_the_end};
use crate::doubles::{Abilities, Fuse};

async fn worker() -> (World, Arc<dyn Bucket>, Vec<String>) {
    worker_after(Duration::ZERO).await
}

async fn worker_after(time: Duration) -> (World, Arc<dyn Bucket>, Vec<String>) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let world = World::new(store.clone(), store.clone(), Abilities::All);
    world.advance(time);
    run_to_the_end(&world, &Fuse::never()).await;
    let journals = BucketName::parse(reserved::JOURNALS).unwrap();
    let bucket = store.open(&journals).await.unwrap();
    let keys = bucket.list(List::default()).await.unwrap().keys;
    (world, bucket, keys)
}

/// The error of the worker when it is opened, and replayed.
async fn open(world: &World) -> Result<Session, Error> {
    let process = world.process(&Fuse::never());
    let journal = process
        .journals()
        .await?
        .claim(&name(), &process.claim())
        .await?;
    Session::open(journal, world.clock(), MOST).await
}

fn place_of(key: &str) -> String {
    match key
        .strip_prefix("c/")
        .and_then(|key| key.rsplit('/').next())
    {
        Some(number) => format!("chunk {}", u64::from_str_radix(number, 16).unwrap()),
        None => "the head".to_owned(),
    }
}

#[tokio::test]
async fn every_changed_byte_and_every_cut_is_named() {
    let (world, bucket, keys) = worker().await;
    let keys: Vec<_> = keys.iter().filter(|key| !key.starts_with("a/")).collect();
    assert!(keys.len() > 10, "{keys:?}");
    for key in keys {
        let whole = bucket.get(key).await.unwrap().unwrap().value;
        let flips = (0..whole.len()).map(|at| {
            let mut changed = whole.to_vec();
            changed[at] ^= 1 << (at % 8);
            changed
        });
        let cuts = [0, 1, whole.len() / 2, whole.len() - 1].map(|len| whole[..len].to_vec());
        for changed in flips.chain(cuts) {
            let changed = Bytes::from(changed);
            bucket
                .set(key, changed.clone(), Set::default())
                .await
                .unwrap();
            let head = bucket.get("h/cart-1").await.unwrap();
            match open(&world).await {
                Err(Error::Corrupt { place, .. }) => assert_eq!(place, place_of(key)),
                Err(error) => panic!("{key}: {error}"),
                Ok(_) => panic!("{key} is changed and was not found"),
            }
            let after = bucket.get(key).await.unwrap().unwrap().value;
            assert_eq!(after, changed, "{key} was overwritten");
            // A claim swaps a head that is whole; here it is put back.
            if let Some(head) = head.filter(|_| *key != "h/cart-1") {
                bucket
                    .set("h/cart-1", head.value, Set::default())
                    .await
                    .unwrap();
            }
        }
        bucket.set(key, whole, Set::default()).await.unwrap();
    }
    open(&world).await.unwrap();
}

#[tokio::test]
async fn every_missing_and_every_exchanged_chunk_is_named() {
    let (world, bucket, keys) = worker().await;
    let chunks: Vec<_> = keys.iter().filter(|key| key.starts_with("c/")).collect();
    for (at, key) in chunks.iter().enumerate() {
        let whole = bucket.get(key).await.unwrap().unwrap().value;
        bucket.delete(key).await.unwrap();
        let missing = open(&world).await.err().unwrap().to_string();
        let place = place_of(key);
        assert!(
            missing.contains(&format!("{place} is missing")),
            "{missing}"
        );
        // That of another worker with the same number, and of the same with another number.
        let other = chunks[(at + 1) % chunks.len()];
        let other = bucket.get(other).await.unwrap().unwrap().value;
        bucket.set(key, other, Set::default()).await.unwrap();
        let exchanged = open(&world).await.err().unwrap().to_string();
        assert!(exchanged.contains(&place), "{exchanged}");
        bucket.set(key, whole, Set::default()).await.unwrap();
    }
}

#[tokio::test]
async fn a_chunk_of_another_chain_is_named() {
    let (world, bucket, keys) = worker().await;
    let (_, other, others) = worker_after(Duration::from_secs(1)).await;
    for key in keys.iter().filter(|key| key.starts_with("c/")) {
        let whole = bucket.get(key).await.unwrap().unwrap().value;
        let same = |other: &&String| other.starts_with("c/") && place_of(other) == place_of(key);
        let theirs = others.iter().find(same).unwrap();
        let theirs = other.get(theirs).await.unwrap().unwrap().value;
        assert_ne!(whole, theirs);
        bucket.set(key, theirs, Set::default()).await.unwrap();
        let error = open(&world).await.err().unwrap().to_string();
        // The first has none before it, so it is whole; the next does not follow it.
        let (own, next) = (place_of(key), place_of(&next(key)));
        assert!(error.contains(&own) || error.contains(&next), "{error}");
        bucket.set(key, whole, Set::default()).await.unwrap();
    }
}

fn next(key: &str) -> String {
    let (worker, number) = key.rsplit_once('/').unwrap();
    let number = u64::from_str_radix(number, 16).unwrap();
    format!("{worker}/{:016x}", number + 1)
}
