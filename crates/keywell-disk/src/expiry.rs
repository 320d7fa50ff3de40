//! Tests of times to live, with a clock that advances only when it is set.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use keywell_store::{
    Bucket, BucketName, Change, Event, Expected, Filter, List, Set, Since, Store, Swap,
};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tempfile::TempDir;

use crate::DiskStore;
use crate::clock::tests::Moved;

struct Timed {
    folder: TempDir,
    clock: Moved,
    store: DiskStore,
    bucket: Arc<dyn Bucket>,
}

// === impl Timed ===

impl Timed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Moved::new();
        let (store, bucket) = Self::open(&folder, &clock).await;
        Self {
            folder,
            clock,
            store,
            bucket,
        }
    }

    async fn open(folder: &TempDir, clock: &Moved) -> (DiskStore, Arc<dyn Bucket>) {
        let options = DiskStore::builder().on(clock.machine());
        let store = options.open(folder.path()).unwrap();
        let bucket = store.open(&BucketName::default()).await.unwrap();
        (store, bucket)
    }

    fn pass(&self, millis: u64) {
        self.clock.pass(millis);
    }

    /// Closes the store, lets time pass, sets the time of day, and opens the store again.
    async fn reopen_after(&mut self, millis: u64, set_by: i64) {
        self.store.close().await.unwrap();
        self.clock.pass(millis);
        self.clock.set_by(set_by);
        (self.store, self.bucket) = Self::open(&self.folder, &self.clock).await;
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
    async fn events(&self, watch: keywell_store::Watch) -> Vec<String> {
        self.set("end", None).await;
        let events = watch.map(|event| match event.unwrap() {
            Event::Set { key, .. } => format!("={key}"),
            Event::Delete { key, expired, .. } => {
                format!("{}{key}", if expired { '~' } else { '-' })
            }
            other => panic!("{other:?}"),
        });
        events
            .take_while(|event| std::future::ready(event != "=end"))
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
    assert_eq!(timed.events(watch).await, ["=b", "=a", "=kept", "~a", "~b"]);
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
    assert_eq!(timed.events(watch).await, ["=key", "=key"]);
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
    assert!(timed.bucket.exists("n").await.unwrap(), "it started over");
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
    assert_eq!(timed.events(watch).await, ["=key", "~key", "=key"]);
}

#[tokio::test]
async fn times_to_live_hold_across_a_restart() {
    let mut timed = Timed::new().await;
    timed.set("short", Some(10)).await;
    timed.set("long", Some(50)).await;
    let watch = timed.bucket.watch(Filter::All, Since::Now).await.unwrap();
    let start = watch.start().unwrap().clone();
    drop(watch);
    timed.reopen_after(20, 0).await;
    assert_eq!(timed.keys().await, ["long"]);
    let since = Since::After(start);
    let watch = timed.bucket.watch(Filter::All, since).await.unwrap();
    assert_eq!(timed.events(watch).await, ["~short"]);
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
        "expired entries do not hold up a listing"
    );
    timed.store.health().await.unwrap();
    let expired = watch.take(3000).filter(|event| {
        let is_expired = matches!(event, Ok(Event::Delete { expired: true, .. }));
        std::future::ready(is_expired)
    });
    let counted = tokio::time::timeout(Duration::from_secs(20), expired.count());
    assert_eq!(counted.await.unwrap(), 3000);
}

const YEAR: i64 = 365 * 24 * 3600 * 1000;

#[tokio::test]
async fn a_time_of_day_that_is_set_back_brings_no_expired_key_back() {
    let mut timed = Timed::new().await;
    timed.set("key", Some(10_000)).await;
    timed.set("later", Some(20_000)).await;
    timed.pass(10_000);
    assert!(!timed.bucket.exists("key").await.unwrap());
    timed.clock.set_by(-YEAR);
    assert_eq!(timed.keys().await, ["later"]);
    timed.reopen_after(0, 0).await;
    assert_eq!(timed.keys().await, ["later"]);
    timed.reopen_after(0, -YEAR).await;
    assert_eq!(timed.keys().await, ["later"]);
    // Time still advances.
    timed.pass(10_000);
    assert_eq!(timed.keys().await, [""; 0]);
}

#[tokio::test]
async fn what_one_process_only_read_as_expired_is_so_for_the_next() {
    let mut timed = Timed::new().await;
    timed.set("key", Some(10_000)).await;
    timed.set("later", Some(20_000)).await;
    timed.reopen_after(10_000, 0).await;
    assert!(!timed.bucket.exists("key").await.unwrap());
    timed.reopen_after(0, -9000).await;
    assert!(!timed.bucket.exists("key").await.unwrap());
}

#[tokio::test]
async fn more_than_one_sweep_of_expired_keys_is_expired_for_the_next_process() {
    let mut timed = Timed::new().await;
    let sets = (0..3000).map(|i| {
        let how = Set::expiring(Duration::from_secs(10)).unwrap();
        timed.bucket.set(&format!("k{i}"), "1".into(), how)
    });
    for set in futures::future::join_all(sets).await {
        set.unwrap();
    }
    timed.reopen_after(10_000, 0).await;
    assert_eq!(timed.keys().await, [""; 0]);
    timed.reopen_after(0, -9000).await;
    assert_eq!(timed.keys().await, [""; 0]);
}

#[tokio::test]
async fn a_wrong_year_that_is_put_right_neither_freezes_expiry_nor_expires_what_is_new() {
    // Each step sets the time of day, at a restart or not: it is wrong while the store is open, also
    // across a restart, from a restart on, or from one restart to the next. A key survives unless a
    // wrong time of day at an opening is past its end.
    for (steps, lives) in [
        ([(false, 73), (false, -73), (true, 0)], true),
        ([(false, 73), (true, 0), (true, -73)], true),
        ([(true, 73), (false, -73), (true, 0)], false),
        ([(true, 73), (true, -73), (true, 0)], false),
    ] {
        let mut timed = Timed::new().await;
        timed.set("before", Some(1_000_000)).await;
        for (restarts, years) in steps {
            if restarts {
                timed.reopen_after(0, years * YEAR).await;
            } else {
                timed.clock.set_by(years * YEAR);
            }
            timed.set("during", Some(1000)).await;
            assert!(timed.bucket.exists("during").await.unwrap(), "{steps:?}");
        }
        timed.set("after", Some(10_000)).await;
        timed.pass(1000);
        assert!(!timed.bucket.exists("during").await.unwrap(), "{steps:?}");
        timed.reopen_after(8999, 0).await;
        assert!(timed.bucket.exists("after").await.unwrap(), "{steps:?}");
        timed.pass(1);
        assert!(!timed.bucket.exists("after").await.unwrap(), "{steps:?}");
        let is_there = timed.bucket.exists("before").await.unwrap();
        assert_eq!(is_there, lives, "{steps:?}");
    }
}

/// However the time of day is set, an expired key stays expired, and a key that was set since the
/// store was opened lives exactly as long as it should. Any other key lives no shorter, unless the
/// time of day was set forward while the store was closed.
#[tokio::test]
async fn keys_live_as_long_as_they_should_whatever_the_time_of_day() {
    /// The expected life of a key.
    struct Life {
        left: i64,
        is_exact: bool,
        was_gone: bool,
    }

    let seed = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..15 {
        let mut timed = Timed::new().await;
        let mut lives: BTreeMap<String, Life> = BTreeMap::new();
        for _ in 0..40 {
            let millis = random.random_range(0..50_000);
            let years = random.random_range(-3..3);
            match random.random_range(0..6) {
                0..=2 => {
                    let key = format!("k{}", random.random_range(0..6));
                    let ttl = random.random_range(1..100_000);
                    timed.set(&key, Some(ttl)).await;
                    let life = Life {
                        left: i64::try_from(ttl).unwrap(),
                        is_exact: true,
                        was_gone: false,
                    };
                    lives.insert(key, life);
                }
                3 => {
                    timed.pass(millis);
                    for life in lives.values_mut() {
                        life.left -= i64::try_from(millis).unwrap();
                    }
                }
                4 => timed.clock.set_by(years * YEAR),
                _ => {
                    let set_by = if random.random_bool(0.5) {
                        0
                    } else {
                        years * YEAR
                    };
                    timed.reopen_after(millis, set_by).await;
                    for life in lives.values_mut() {
                        life.left -= i64::try_from(millis).unwrap();
                        life.is_exact &= set_by == 0;
                        if set_by > 0 {
                            // The key may have expired.
                            life.left = i64::MIN / 2;
                        }
                    }
                }
            }
            for (key, life) in &mut lives {
                let is_there = timed.bucket.exists(key).await.unwrap();
                assert!(!(is_there && life.was_gone), "{key} came back, seed {seed}");
                life.was_gone |= !is_there;
                if life.left > 0 {
                    assert!(is_there, "{key} ended early, seed {seed}");
                } else if life.is_exact {
                    assert!(!is_there, "{key} lives on, seed {seed}");
                }
            }
        }
    }
}
