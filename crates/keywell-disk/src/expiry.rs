//! Tests of times to live, by a clock that stands still until it is set.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use keywell_store::{
    Bucket, BucketName, Change, Event, Expected, Filter, List, Set, Since, Store, Swap,
};
use tempfile::TempDir;

use crate::DiskStore;

struct Timed {
    folder: TempDir,
    clock: Arc<AtomicU64>,
    store: DiskStore,
    bucket: Arc<dyn Bucket>,
}

// === impl Timed ===

impl Timed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicU64::new(1_000_000));
        let (store, bucket) = Self::open(&folder, &clock).await;
        Self {
            folder,
            clock,
            store,
            bucket,
        }
    }

    async fn open(folder: &TempDir, clock: &Arc<AtomicU64>) -> (DiskStore, Arc<dyn Bucket>) {
        let options = DiskStore::builder().clock(clock.clone());
        let store = options.open(folder.path()).unwrap();
        let bucket = store.open(&BucketName::default()).await.unwrap();
        (store, bucket)
    }

    fn pass(&self, millis: u64) {
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    async fn set(&self, key: &str, ttl: Option<u64>) {
        let how = Set {
            ttl: ttl.map(Duration::from_millis),
        };
        self.bucket.set(key, "1".into(), how).await.unwrap();
    }

    async fn keys(&self) -> Vec<String> {
        self.bucket.list(List::default()).await.unwrap().keys
    }

    /// All events so far, as `=key`, `-key` and `~key`: set, deleted, expired.
    async fn told(&self, watch: keywell_store::Watch) -> Vec<String> {
        self.set("end", None).await;
        let told = watch.map(|event| match event.unwrap() {
            Event::Set { key, .. } => format!("={key}"),
            Event::Delete { key, expired, .. } => {
                format!("{}{key}", if expired { '~' } else { '-' })
            }
            other => panic!("{other:?}"),
        });
        told.take_while(|told| std::future::ready(told != "=end"))
            .collect()
            .await
    }
}

#[tokio::test]
async fn an_expired_entry_is_invisible_at_once() {
    let timed = Timed::new().await;
    timed.set("short", Some(10)).await;
    timed.set("long", Some(20)).await;
    timed.pass(9);
    assert_eq!(timed.keys().await, ["long", "short"]);
    timed.pass(1);
    assert_eq!(timed.bucket.get("short").await.unwrap(), None);
    assert!(!timed.bucket.exists("short").await.unwrap());
    let many = timed.bucket.get_many(&["short", "long"]).await.unwrap();
    assert!(many[0].is_none() && many[1].is_some());
    assert_eq!(timed.keys().await, ["long"]);
    timed.pass(10);
    assert_eq!(timed.keys().await, [""; 0]);
    assert_eq!(timed.store.buckets().await.unwrap(), []);
}

#[tokio::test]
async fn an_expired_entry_is_removed_and_told_once() {
    let timed = Timed::new().await;
    let watch = timed.bucket.watch(Filter::All, Since::Now).await.unwrap();
    timed.set("b", Some(20)).await;
    timed.set("a", Some(10)).await;
    timed.set("kept", None).await;
    timed.pass(30);
    timed.store.health().await.unwrap();
    timed.store.health().await.unwrap();
    assert_eq!(timed.told(watch).await, ["=b", "=a", "=kept", "~a", "~b"]);
}

#[tokio::test]
async fn the_writer_wakes_by_itself_when_an_entry_expires() {
    let folder = tempfile::tempdir().unwrap();
    let store = DiskStore::open(folder.path()).unwrap();
    let bucket = store.open(&BucketName::default()).await.unwrap();
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let how = Set::expiring(Duration::from_millis(20)).unwrap();
    bucket.set("key", "1".into(), how).await.unwrap();
    assert!(matches!(watch.next().await, Some(Ok(Event::Set { .. }))));
    let end = tokio::time::timeout(Duration::from_secs(20), watch.next());
    let Some(Ok(Event::Delete { expired, .. })) = end.await.unwrap() else {
        panic!("it expired");
    };
    assert!(expired);
}

#[tokio::test]
async fn a_set_without_a_time_to_live_ends_the_earlier_one() {
    let timed = Timed::new().await;
    let watch = timed.bucket.watch(Filter::All, Since::Now).await.unwrap();
    timed.set("key", Some(10)).await;
    timed.set("key", None).await;
    timed.pass(100);
    timed.store.health().await.unwrap();
    assert_eq!(timed.keys().await, ["key"]);
    assert_eq!(timed.told(watch).await, ["=key", "=key"]);
}

#[tokio::test]
async fn an_increment_keeps_the_time_to_live() {
    let timed = Timed::new().await;
    timed.set("n", Some(10)).await;
    timed.pass(5);
    assert_eq!(timed.bucket.increment("n", 1).await.unwrap(), 2);
    timed.pass(5);
    assert_eq!(timed.bucket.get("n").await.unwrap(), None);
    assert_eq!(timed.bucket.increment("n", 1).await.unwrap(), 1);
    timed.pass(1000);
    assert!(timed.bucket.exists("n").await.unwrap(), "it began anew");
}

#[tokio::test]
async fn writers_take_an_expired_entry_for_absent() {
    let timed = Timed::new().await;
    let watch = timed.bucket.watch(Filter::All, Since::Now).await.unwrap();
    timed.set("key", Some(10)).await;
    let version = timed.bucket.get("key").await.unwrap().unwrap().version;
    timed.pass(10);
    let change = Change::Set("2".into(), Set::default());
    let at = timed
        .bucket
        .swap("key", Expected::At(version), change.clone());
    assert_eq!(at.await.unwrap(), Swap::Stale);
    let absent = timed.bucket.swap("key", Expected::Absent, change);
    assert!(matches!(absent.await.unwrap(), Swap::Done(Some(_))));
    assert_eq!(timed.told(watch).await, ["=key", "~key", "=key"]);
}

#[tokio::test]
async fn times_to_live_hold_across_a_restart() {
    let mut timed = Timed::new().await;
    timed.set("short", Some(10)).await;
    timed.set("long", Some(50)).await;
    let watch = timed.bucket.watch(Filter::All, Since::Now).await.unwrap();
    let start = watch.start().unwrap().clone();
    drop(watch);
    timed.store.close().await.unwrap();
    timed.pass(20);
    (timed.store, timed.bucket) = Timed::open(&timed.folder, &timed.clock).await;
    assert_eq!(timed.keys().await, ["long"]);
    let since = Since::After(start);
    let watch = timed.bucket.watch(Filter::All, since).await.unwrap();
    assert_eq!(timed.told(watch).await, ["~short"]);
}

#[tokio::test]
async fn more_than_one_sweep_of_expired_entries_goes() {
    let timed = Timed::new().await;
    let sets = (0..3000).map(|i| {
        let how = Set::expiring(Duration::from_millis(10)).unwrap();
        timed.bucket.set(&format!("k{i}"), "1".into(), how)
    });
    for set in futures::future::join_all(sets).await {
        set.unwrap();
    }
    let watch = timed.bucket.watch(Filter::All, Since::Now).await.unwrap();
    timed.pass(10);
    assert_eq!(
        timed.keys().await,
        [""; 0],
        "listing is not held up by them"
    );
    timed.store.health().await.unwrap();
    let expired = watch.take(3000).filter(|event| {
        let is_expired = matches!(event, Ok(Event::Delete { expired: true, .. }));
        std::future::ready(is_expired)
    });
    let counted = tokio::time::timeout(Duration::from_secs(20), expired.count());
    assert_eq!(counted.await.unwrap(), 3000);
}
