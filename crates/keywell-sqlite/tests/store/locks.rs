//! Locks that another connection holds.

use std::time::Duration;

use keywell_sqlite::SqliteStore;
use keywell_store::{Error, Store as _};
use rusqlite::Connection;

use crate::support::{Scratch, bucket, set, text};

#[tokio::test]
async fn a_write_waits_for_a_lock_no_longer_than_set_and_nothing_of_it_happens() {
    let scratch = Scratch::new();
    let options = SqliteStore::builder().busy_timeout(Duration::from_millis(50));
    let store = options.open(&scratch.path).unwrap();
    let bucket = bucket(&store, "b").await;
    set(&bucket, "k", "before").await.unwrap();
    let other = Connection::open(&scratch.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = set(&bucket, "k", "meanwhile").await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    assert!(error.to_string().contains("holds the lock"), "{error}");
    assert!(store.health().await.is_err());
    assert_eq!(text(&bucket, "k").await.as_deref(), Some("before"));
    other.execute_batch("COMMIT").unwrap();
    store.health().await.unwrap();
    set(&bucket, "k", "after").await.unwrap();
    assert_eq!(text(&bucket, "k").await.as_deref(), Some("after"));
}

#[tokio::test]
async fn a_write_that_waits_for_a_lock_is_done_once_it_is_free() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let bucket = bucket(&store, "b").await;
    let other = Connection::open(&scratch.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting = tokio::spawn({
        let bucket = bucket.clone();
        async move { bucket.increment("n", 1).await }
    });
    // Let the writer meet the lock; if it has not yet, the outcome is the same.
    tokio::task::yield_now().await;
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), 1);
}

#[test]
fn a_file_that_is_locked_altogether_does_not_open() {
    let scratch = Scratch::new();
    drop(scratch.open());
    let other = Connection::open(&scratch.path).unwrap();
    other
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT")
        .unwrap();
    let options = SqliteStore::builder().busy_timeout(Duration::from_millis(50));
    let error = Error::from(options.open(&scratch.path).map(drop).unwrap_err());
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    assert!(error.to_string().contains("holds the lock"), "{error}");
    drop(other);
    drop(scratch.open());
}
