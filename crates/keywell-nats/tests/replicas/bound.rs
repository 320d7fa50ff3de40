use std::collections::BTreeMap;

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_nats::CacheOptions;
use keywell_servers::Nats;
use keywell_store::{Error, Set, Version};

use crate::copies::{Copy, equal, on, until};

const MAX_BYTES: usize = 256 << 10;

fn bounded(nats: &Nats, max_bytes: usize) -> CacheOptions {
    CacheOptions {
        max_bytes: Some(max_bytes),
        ..on(nats)
    }
}

#[tokio::test]
async fn the_oldest_leave_every_copy() {
    let nats = Nats::start().await.unwrap();
    let a = Copy::open(bounded(&nats, MAX_BYTES)).await;
    let b = Copy::open(bounded(&nats, MAX_BYTES)).await;
    let free = Copy::open(on(&nats)).await;
    let value = "x".repeat(1000);
    for n in 0..500 {
        let writer = if n % 2 == 0 { &a } else { &b };
        writer.set(&format!("key{n:03}"), value.clone()).await;
        if n % 50 == 0 {
            equal(&[&a, &b, &free]).await;
        }
    }
    equal(&[&a, &b, &free]).await;
    let bytes = |kept: &BTreeMap<String, (Bytes, Version)>| -> usize {
        let sizes = kept.iter();
        sizes.map(|(key, (value, _))| key.len() + value.len()).sum()
    };
    until("the bound", async || {
        bytes(&free.contents().await) <= MAX_BYTES
    })
    .await;
    equal(&[&a, &b, &free]).await;
    let kept = free.contents().await;
    assert!(bytes(&kept) > MAX_BYTES / 2, "{}", bytes(&kept));
    assert!(kept.contains_key("key499") && !kept.contains_key("key000"));
    // What is written again is no longer the oldest.
    let first = kept.keys().next().unwrap().clone();
    a.set(&first, "again").await;
    for n in 500..600 {
        a.set(&format!("key{n:03}"), value.clone()).await;
    }
    assert_eq!(a.get(&first).await.as_deref(), Some("again"));
    equal(&[&a, &b, &free]).await;
}

/// Each deletes what is too much for it; none writes it again.
#[tokio::test]
async fn copies_with_different_bounds_come_to_rest() {
    let nats = Nats::start().await.unwrap();
    let small = Copy::open(bounded(&nats, MAX_BYTES / 4)).await;
    let large = Copy::open(bounded(&nats, MAX_BYTES)).await;
    let stranger = async_nats::connect(nats.url()).await.unwrap();
    for n in 0..400 {
        large.set(&format!("key{n:03}"), "x".repeat(1000)).await;
    }
    until("the small one to evict", async || {
        small.contents().await.len() <= 64 && large.contents().await.len() <= 64
    })
    .await;
    equal(&[&small, &large]).await;
    let mut messages = stranger.subscribe("lattice.state.events.>").await.unwrap();
    // Equal copies send beacons alone, which are small.
    for _ in 0..2 {
        let beacon = messages.next().await.unwrap();
        assert!(beacon.payload.len() < 64, "{:?}", beacon.payload);
    }
    let kept = small.contents().await;
    assert!(kept.contains_key("key399"), "{:?}", kept.keys());
}

#[tokio::test]
async fn a_value_that_leaves_no_room_for_others_is_refused() {
    let bounded = Copy::open(CacheOptions {
        max_bytes: Some(MAX_BYTES),
        ..CacheOptions::default()
    });
    let bounded = bounded.await;
    bounded.set("key", "value").await;
    let large = vec![b'x'; MAX_BYTES / 2 + 1].into();
    let refused = bounded.bucket.set("large", large, Set::default()).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    assert_eq!(bounded.get("key").await.as_deref(), Some("value"));
}
