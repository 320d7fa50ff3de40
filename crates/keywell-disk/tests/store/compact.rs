//! Compacting a store that is in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use keywell_disk::DiskStore;
use keywell_store::{Error, Filter, Maintenance, Set, Since, Store};

use crate::support::{Scratch, bucket, next_events, set, text};

fn file_bytes(scratch: &Scratch) -> u64 {
    let data = scratch.folder.path().join("data.redb");
    std::fs::metadata(data).unwrap().len()
}

/// A store most of whose keys were deleted.
async fn emptied() -> Scratch {
    let scratch = Scratch::with(&DiskStore::builder().history_bytes(1024 * 1024));
    let bucket = scratch.bucket("b").await;
    let keys: Vec<String> = (0..4000).map(|n| format!("k{n:04}")).collect();
    for some in keys.chunks(500) {
        let value = Bytes::from(vec![7; 3000]);
        let entries = some.iter().map(|key| (&key[..], value.clone()));
        bucket.set_many(entries.collect()).await.unwrap();
    }
    let ttl = Some(Duration::from_hours(1));
    bucket
        .set("expires", "soon".into(), Set { ttl })
        .await
        .unwrap();
    let deleted: Vec<&str> = keys.iter().skip(20).map(|key| &key[..]).collect();
    for some in deleted.chunks(500) {
        bucket.delete_many(some).await.unwrap();
    }
    scratch
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_compacted_while_it_is_written_read_and_watched() {
    let scratch = emptied().await;
    let bucket = scratch.bucket("b").await;
    let before = file_bytes(&scratch);
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let writing = {
        let (bucket, is_over) = (bucket.clone(), is_over.clone());
        tokio::spawn(async move {
            let mut written = 0;
            while !is_over.load(Ordering::Relaxed) || written < 10 {
                bucket.increment("counter", 1).await.unwrap();
                written += 1;
                let counter = bucket.get("counter").await.unwrap().unwrap();
                assert_eq!(counter.value, written.to_string());
            }
            written
        })
    };
    scratch.store.maintain(Maintenance::Compact).await.unwrap();
    is_over.store(true, Ordering::Relaxed);
    let written: usize = writing.await.unwrap();

    let after = file_bytes(&scratch);
    assert!(after < before / 2, "{before} bytes became {after}");
    let events = next_events(&mut watch, written).await;
    let expected = (1..=written).map(|n| format!("counter={n}"));
    assert!(expected.eq(events));
    set(&bucket, "later", "value").await.unwrap();

    let scratch = scratch.reopen().await;
    let bucket = scratch.bucket("b").await;
    assert_eq!(text(&bucket, "counter").await.unwrap(), written.to_string());
    assert_eq!(text(&bucket, "later").await.unwrap(), "value");
    assert_eq!(text(&bucket, "expires").await.unwrap(), "soon");
    assert_eq!(text(&bucket, "k0019").await.unwrap().len(), 3000);
    assert_eq!(text(&bucket, "k0020").await, None);
    scratch.store.close().await.unwrap();
    let checked = DiskStore::check(scratch.folder.path()).unwrap();
    assert!(checked.is_whole(), "{checked}");
    assert_eq!(checked.keys, 23);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_compaction_at_a_time_is_made_and_one_that_is_given_up_changes_nothing() {
    let scratch = emptied().await;
    let bucket = scratch.bucket("b").await;
    let mut first = Box::pin(scratch.store.maintain(Maintenance::Compact).into_future());
    // It has begun once a write after it is answered.
    assert!(futures::poll!(&mut first).is_pending());
    set(&bucket, "k", "v").await.unwrap();
    let second = scratch.store.maintain(Maintenance::Compact).await;
    assert!(matches!(second, Err(Error::Unavailable(_))), "{second:?}");
    drop(first);
    let scratch = scratch.reopen().await;
    let bucket = scratch.bucket("b").await;
    assert_eq!(text(&bucket, "k").await.unwrap(), "v");
}

#[tokio::test]
async fn a_store_without_a_folder_is_not_compacted() {
    let store = crate::disk::Disk::default()
        .open(DiskStore::builder())
        .unwrap();
    set(&bucket(&store, "b").await, "k", "v").await.unwrap();
    let refused = store.maintain(Maintenance::Compact).await;
    assert!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
}
