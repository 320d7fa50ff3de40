//! Stores that declare less than the memory store, and pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_conformance::{Outcome, Subject, behaviours, errors};
use keywell_memory::MemoryStore;
use keywell_store::layer::{Faults, Faulty, Layered, Metered, Meters};
use keywell_store::{
    Alphabet, Answer, Batching, Bucket, BucketName, Capabilities, Cas, Check, Entry, Error, Event,
    Filter, Invalid, Listing, Promptness, Set, Since, Store, StoreId, Transacted, Transacting,
    Version, Watch, Watching, Write,
};
use parking_lot::Mutex;

use crate::bug::{Bug, Inner, Planted};
use crate::modest::{Modest, without_token};

/// Runs all behaviours, and counts how many were kept, refused and skipped.
pub(crate) async fn passes(subject: Subject) -> (usize, usize, usize) {
    let (mut kept, mut refused, mut skipped) = (0, 0, 0);
    for behaviour in behaviours() {
        match behaviour.run(&subject).await {
            Ok(Outcome::Kept) => kept += 1,
            Ok(Outcome::Refused(_)) => refused += 1,
            Ok(_) => skipped += 1,
            Err(failure) => panic!("{behaviour:?}\n{failure}"),
        }
    }
    (kept, refused, skipped)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_declares_nothing_and_refuses_it_passes() {
    let declared = Capabilities::default();
    let (kept, refused, _) = passes(Subject::new(Planted::new(Modest(declared)))).await;
    assert!(kept > 50 && refused > 80, "{kept} kept, {refused} refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_the_middling_kind_passes() {
    let declared = Capabilities {
        promptness: Promptness::AtOnce,
        cas: Cas::ByValue,
        increment: true,
        list: Listing::Unordered,
        batch: Batching::Sequential,
        watch: Watching::Lossy,
        ttl: true,
        ..Capabilities::default()
    };
    let (kept, refused, _) = passes(Subject::new(Planted::new(Modest(declared)))).await;
    assert!(kept > 130 && refused < 48, "{kept} kept, {refused} refused");
}

/// A lossy watch that coalesces the ready events of each key into the last one, and counts the
/// others, as a watch does that reads values late.
struct Coalescing(Modest);

impl Bug for Coalescing {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        self.0.capabilities(inner)
    }

    fn transact(
        &self,
        sound: &MemoryStore,
        checks: Vec<Check>,
        writes: Vec<Write>,
    ) -> Answer<Transacted> {
        self.0.transact(sound, checks, writes)
    }

    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        if since != Since::Now {
            return Error::Invalid(Invalid::Token).into();
        }
        inner.watch(filter, since).map(|watch| {
            let coalesced = Arc::new(AtomicU64::new(0));
            let counting = coalesced.clone();
            let events = watch.ready_chunks(1000).flat_map(move |ready| {
                let mut latest: Vec<keywell_store::Result<Event>> = Vec::new();
                for event in ready.into_iter().map(|event| event.map(without_token)) {
                    let of = |event: &keywell_store::Result<Event>| {
                        event.as_ref().ok().and_then(Event::key).map(str::to_owned)
                    };
                    let known = latest.iter().position(|one| of(one) == of(&event));
                    if let Some(known) = known {
                        drop(latest.remove(known));
                        counting.fetch_add(1, Ordering::Relaxed);
                    }
                    latest.push(event);
                }
                futures::stream::iter(latest)
            });
            Watch::new(None, events).counting(coalesced)
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_watches_coalesce_passes() {
    let sound = Capabilities {
        cas: Cas::ByVersion,
        increment: true,
        list: Listing::Ordered,
        batch: Batching::Atomic,
        watch: Watching::Lossy,
        ttl: true,
        transact: Transacting::Store {
            operations: 100,
            bytes: 1 << 20,
        },
        key_bytes: usize::MAX,
        value_bytes: usize::MAX,
        batch_keys: usize::MAX,
        batch_bytes: usize::MAX,
        ..Capabilities::default()
    };
    let subject = Subject::new(Planted::new(Coalescing(Modest(sound))));
    let (kept, refused, _) = passes(subject).await;
    assert!(kept > 140 && refused < 36, "{kept} kept, {refused} refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_small_keys_and_values_passes() {
    let small = Capabilities {
        cas: Cas::ByVersion,
        increment: true,
        list: Listing::Ordered,
        batch: Batching::Sequential,
        watch: Watching::Resumable,
        ttl: true,
        transact: Transacting::Bucket {
            operations: 16,
            bytes: 8 << 10,
        },
        key_bytes: 64,
        value_bytes: 1024,
        batch_keys: 25,
        batch_bytes: 16 << 10,
        ..Capabilities::default()
    };
    let (kept, refused, _) = passes(Subject::new(Planted::new(Modest(small)))).await;
    assert!(kept > 150 && refused < 21, "{kept} kept, {refused} refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_a_narrow_alphabet_passes() {
    let narrow = Capabilities {
        cas: Cas::ByVersion,
        increment: true,
        list: Listing::Ordered,
        alphabet: Alphabet {
            excluded: &[
                ('\0', '\u{1f}'),
                ('?', '?'),
                ('\\', '\\'),
                ('\u{7f}', '\u{9f}'),
            ],
        },
        ..Capabilities::default()
    };
    let (kept, refused, _) = passes(Subject::new(Planted::new(Modest(narrow)))).await;
    assert!(kept > 100, "{kept} kept, {refused} refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_metered_passes() {
    let meters = Arc::new(Meters::default());
    let counting = meters.clone();
    let metered = Layered::new(Arc::new(MemoryStore::new()), move |name, bucket| {
        Arc::new(Metered::new(bucket, counting.of("m", name)))
    });
    let (kept, refused, _) = passes(Subject::new(metered)).await;
    assert!(kept > 150 && refused < 21, "{kept} kept, {refused} refused");
    assert!(!meters.read().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_only_answers_late_passes() {
    let late = Layered::late(Arc::new(MemoryStore::new()), |_, bucket| {
        Arc::new(Faulty::new(bucket, Faults::delays(1)))
    });
    let (kept, ..) = passes(Subject::new(late)).await;
    assert!(kept > 150, "{kept} kept");
}

/// Applies dropped writes at the next read, which the contract allows.
#[derive(Default)]
struct WritesLate {
    late: Arc<Mutex<Vec<(String, Bytes)>>>,
    /// How many of them were applied.
    written: Arc<AtomicU64>,
}

/// Records a write as late when its answer is dropped.
struct Dropped {
    late: Arc<Mutex<Vec<(String, Bytes)>>>,
    write: Option<(String, Bytes)>,
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.late.lock().extend(self.write.take());
    }
}

impl Bug for WritesLate {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        Capabilities {
            promptness: Promptness::Waits,
            ..inner.capabilities()
        }
    }

    fn get_within(&self, inner: &Inner, key: &str, max: usize) -> Answer<Option<Entry>> {
        for (key, value) in self.late.lock().drain(..) {
            drop(inner.set(&key, value, Set::default()));
            self.written.fetch_add(1, Ordering::Relaxed);
        }
        inner.get_within(key, max)
    }

    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let mut dropped = Dropped {
            late: self.late.clone(),
            write: Some((key.to_owned(), value.clone())),
        };
        let (inner, key) = (inner.clone(), key.to_owned());
        Answer::later(async move {
            tokio::task::yield_now().await;
            drop(dropped.write.take());
            inner.set(&key, value, how).await
        })
    }
}

#[tokio::test]
async fn a_store_that_applies_dropped_writes_late_passes() {
    let store = WritesLate::default();
    let written = store.written.clone();
    let subject = Subject::new(Planted::new(store));
    let outcome = errors::a_dropped_answer_does_no_harm(&subject)
        .await
        .unwrap();
    assert_eq!(outcome, Outcome::Kept);
    assert_eq!(written.load(Ordering::Relaxed), 20, "all of them, late");
}

/// A store with one bucket, such as a service with fixed buckets.
struct Fixed(MemoryStore);

impl Store for Fixed {
    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        if name.as_str() != "only" {
            return Error::NoSuchBucket(name.to_string()).into();
        }
        self.0.open(name)
    }

    fn id(&self) -> Option<StoreId> {
        self.0.id()
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        self.0.transact(checks, writes)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_one_bucket_passes_within_it() {
    let (store, only) = (MemoryStore::new(), BucketName::parse("only").unwrap());
    let subject = Subject::within(Arc::new(Fixed(store.clone())), only)
        .await
        .unwrap();
    subject.preflight().await.unwrap();
    let (kept, _, skipped) = passes(subject).await;
    assert!(kept > 130 && skipped > 10, "{kept} kept, {skipped} skipped");
    assert!(store.buckets().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_bucket_that_is_not_empty_is_left_alone() {
    let (store, name) = (MemoryStore::new(), BucketName::default());
    let bucket = store.open(&name).await.unwrap();
    bucket
        .set("mine", "v".into(), Set::default())
        .await
        .unwrap();
    let refused = Subject::within(Arc::new(store), name).await.unwrap_err();
    assert!(refused.to_string().contains("not empty"), "{refused}");
    assert_eq!(bucket.get("mine").await.unwrap().unwrap().value, "v");
}

#[test]
fn every_behaviour_has_a_unique_name_and_a_promise() {
    let all = behaviours();
    assert!(all.len() >= 80, "{}", all.len());
    let names: std::collections::HashSet<_> = all.iter().map(|one| one.name).collect();
    assert_eq!(names.len(), all.len());
    assert!(
        all.iter()
            .all(|one| one.promise.ends_with('.') && one.name.len() > 10)
    );
}
