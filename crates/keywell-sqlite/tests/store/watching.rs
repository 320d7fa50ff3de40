use std::time::Duration;

use keywell_sqlite::SqliteStore;
use keywell_store::{Error, Event, Filter, Invalid, Set, Since, Store as _, Watching};

use crate::support::{Scratch, bucket, next, next_events, set};

#[tokio::test]
async fn a_watch_delivers_what_another_store_of_the_file_wrote() {
    let scratch = Scratch::new();
    let (here, there) = (scratch.open(), scratch.open());
    let (reader, writer) = (bucket(&here, "b").await, bucket(&there, "b").await);
    let mut watch = reader.watch(Filter::All, Since::Now).await.unwrap();
    set(&writer, "a", "1").await.unwrap();
    assert_eq!(next_events(&mut watch, 1).await, ["a=1"]);
    let how = Set::expiring(Duration::from_millis(30)).unwrap();
    writer.set("short", "2".into(), how).await.unwrap();
    assert_eq!(next_events(&mut watch, 1).await, ["short=2"]);
    // Whoever set it, this store removes it.
    there.close().await.unwrap();
    assert_eq!(next_events(&mut watch, 1).await, ["~short"]);
}

#[tokio::test]
async fn a_store_without_history_sends_the_watches_of_others_back_to_the_beginning() {
    let scratch = Scratch::new();
    let here = scratch.open();
    let there = SqliteStore::builder().history_events(0);
    let there = there.open(&scratch.path).unwrap();
    let (reader, writer) = (bucket(&here, "b").await, bucket(&there, "b").await);
    assert_eq!(writer.capabilities().watch, Watching::None);
    let mut watch = reader.watch(Filter::All, Since::Now).await.unwrap();
    set(&writer, "a", "1").await.unwrap();
    let end = next(&mut watch).await;
    assert!(
        matches!(end, Err(Error::Invalid(Invalid::Compacted))),
        "{end:?}"
    );
}

#[tokio::test]
async fn the_history_stays_within_its_limits_and_reserved_buckets_take_none_of_it() {
    let scratch = Scratch::new();
    let store = SqliteStore::builder().history_events(10);
    let store = store.open(&scratch.path).unwrap();
    let (b, own) = (
        bucket(&store, "b").await,
        bucket(&store, "keywell-triggers").await,
    );
    let watch = b.watch(Filter::All, Since::Now).await.unwrap();
    let start = watch.start().unwrap().clone();
    drop(watch);
    for number in 0..10 {
        set(&b, "k", &number.to_string()).await.unwrap();
    }
    for _ in 0..600 {
        own.increment("n", 1).await.unwrap();
    }
    let since = Since::After(start.clone());
    let mut watch = b.watch(Filter::All, since.clone()).await.unwrap();
    assert_eq!(next_events(&mut watch, 2).await, ["k=0", "k=1"]);
    set(&b, "k", "more").await.unwrap();
    let refused = b.watch(Filter::All, since).await.unwrap_err();
    assert!(
        matches!(refused, Error::Invalid(Invalid::Compacted)),
        "{refused}"
    );
    let counts = "SELECT (SELECT count(*) FROM changes), (SELECT count(*) FROM reserved_changes), \
                  events, reserved_events, bytes, (SELECT sum(length(bucket) + length(key) + \
                  length(value)) FROM changes) FROM keywell";
    let raw = rusqlite::Connection::open(&scratch.path).unwrap();
    let counts: [i64; 6] = raw
        .query_row(counts, [], |row| {
            let mut counts = [0; 6];
            for (at, count) in counts.iter_mut().enumerate() {
                *count = row.get(at)?;
            }
            Ok(counts)
        })
        .unwrap();
    assert_eq!(counts[..2], [10, 256]);
    assert_eq!(counts[..2], counts[2..4]);
    assert_eq!(counts[4], counts[5]);
}

#[tokio::test]
async fn a_live_watch_that_falls_behind_delivers_a_gap() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let own = bucket(&store, "keywell-triggers").await;
    assert_eq!(own.capabilities().watch, Watching::Lossy);
    let mut watch = own.watch(Filter::All, Since::Now).await.unwrap();
    for _ in 0..1000 {
        own.increment("n", 1).await.unwrap();
    }
    assert_eq!(next(&mut watch).await.unwrap(), Event::Gap);
    set(&own, "k", "v").await.unwrap();
    assert_eq!(next_events(&mut watch, 1).await, ["k=v"]);
}
