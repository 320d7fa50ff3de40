//! Watches: why a key is gone, and what is delivered of what was missed.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_servers::{Firestore, FirestoreDefect};
use keywell_store::{Bucket, Error, Event, Filter, Invalid, Set, Since, Watch};
use tokio::time::{interval, timeout};

use crate::place::{open, options, store};

const VALUE: Bytes = Bytes::from_static(b"v");

async fn next(watch: &mut Watch) -> Event {
    let next = timeout(Duration::from_secs(30), watch.next()).await;
    next.expect("an event comes").unwrap().unwrap()
}

fn shown(event: &Event) -> String {
    match event {
        Event::Set { key, .. } => format!("set {key}"),
        Event::Delete { key, expired, .. } if *expired => format!("expired {key}"),
        Event::Delete { key, .. } => format!("deleted {key}"),
        other => format!("{other:?}"),
    }
}

/// Sets a key for a moment, and waits until it is hidden.
async fn set_and_outlive(bucket: &dyn Bucket, key: &str) {
    let short = Set::expiring(Duration::from_millis(20)).unwrap();
    bucket.set(key, VALUE, short).await.unwrap();
    let mut turns = interval(Duration::from_millis(5));
    while bucket.exists(key).await.unwrap() {
        turns.tick().await;
    }
}

#[tokio::test]
async fn what_the_service_collects_has_expired_and_all_else_is_deleted() {
    let server = Firestore::start().await.unwrap();
    server.stop_collecting();
    let options = options(&server);
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    let hour = Set::expiring(Duration::from_hours(1)).unwrap();
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let start = watch.start().cloned().unwrap();
    bucket.set("hour", VALUE, hour).await.unwrap();
    assert_eq!(shown(&next(&mut watch).await), "set hour");
    bucket.delete("hour").await.unwrap();
    assert_eq!(shown(&next(&mut watch).await), "deleted hour");
    bucket.set("other", VALUE, Set::default()).await.unwrap();
    assert_eq!(shown(&next(&mut watch).await), "set other");
    let path = format!("{0}/b/{0}/other", options.collection);
    server.delete(&path).unwrap();
    assert_eq!(shown(&next(&mut watch).await), "deleted other");
    set_and_outlive(&*bucket, "short").await;
    assert_eq!(shown(&next(&mut watch).await), "set short");
    set_and_outlive(&*bucket, "again").await;
    assert_eq!(shown(&next(&mut watch).await), "set again");
    bucket.set("again", VALUE, Set::default()).await.unwrap();
    assert_eq!(shown(&next(&mut watch).await), "set again");
    assert_eq!(server.collect(), 1);
    assert_eq!(shown(&next(&mut watch).await), "expired short");
    // One that was not open meanwhile is told the last of each key.
    let mut resumed = bucket
        .watch(Filter::All, Since::After(start))
        .await
        .unwrap();
    let mut told = Vec::new();
    for _ in 0..4 {
        told.push(shown(&next(&mut resumed).await));
    }
    let expected = [
        "deleted hour",
        "deleted other",
        "set again",
        "expired short",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_token_from_before_what_is_kept_is_compacted() {
    let server = Firestore::start().await.unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let start = watch.start().cloned().unwrap();
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    let first = next(&mut watch).await;
    server.forget_history();
    for token in [start, first.token().cloned().unwrap()] {
        let resumed = bucket.watch(Filter::All, Since::After(token)).await;
        let is_compacted = matches!(resumed, Err(Error::Invalid(Invalid::Compacted)));
        assert!(is_compacted, "{resumed:?}");
    }
    server.end_listeners();
    let ended = timeout(Duration::from_secs(30), watch.next()).await;
    let ended = ended.expect("it ends").unwrap();
    let is_compacted = matches!(ended, Err(Error::Invalid(Invalid::Compacted)));
    assert!(is_compacted, "{ended:?}");
}

#[tokio::test]
async fn a_watch_that_is_not_told_what_is_gone_ends_as_compacted() {
    let server = Firestore::start().await.unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    bucket.set("a", VALUE, Set::default()).await.unwrap();
    bucket.set("b", VALUE, Set::default()).await.unwrap();
    server.plant(FirestoreDefect::ForgetsDeletions);
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    bucket.set("b", VALUE, Set::default()).await.unwrap();
    let token = next(&mut watch).await.token().cloned().unwrap();
    // Nothing is gone, so the number is right.
    bucket.set("a", VALUE, Set::default()).await.unwrap();
    bucket.set("c", VALUE, Set::default()).await.unwrap();
    let since = Since::After(token.clone());
    let mut resumed = bucket.watch(Filter::All, since).await.unwrap();
    assert_eq!(shown(&next(&mut resumed).await), "set a");
    assert_eq!(shown(&next(&mut resumed).await), "set c");
    bucket.delete("b").await.unwrap();
    assert_eq!(shown(&next(&mut resumed).await), "deleted b");
    let since = Since::After(token);
    let mut resumed = bucket.watch(Filter::All, since).await.unwrap();
    let ended = timeout(Duration::from_secs(30), resumed.next()).await;
    let ended = ended.expect("it ends").unwrap();
    let is_compacted = matches!(ended, Err(Error::Invalid(Invalid::Compacted)));
    assert!(is_compacted, "{ended:?}");
}

#[tokio::test]
async fn a_token_of_another_bucket_or_collection_is_refused() {
    let server = Firestore::start().await.unwrap();
    let (one, two) = (options(&server), options(&server));
    let (one, two) = (store(&one).await, store(&two).await);
    let watch = open(&one, "b").await.watch(Filter::All, Since::Now).await;
    let token = watch.unwrap().start().cloned().unwrap();
    for bucket in [open(&one, "c").await, open(&two, "b").await] {
        let refused = bucket.watch(Filter::All, Since::After(token.clone())).await;
        let is_refused = matches!(refused, Err(Error::Invalid(Invalid::Token)));
        assert!(is_refused, "{refused:?}");
    }
}
