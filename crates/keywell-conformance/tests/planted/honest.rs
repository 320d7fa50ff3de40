//! Stores that do less than the memory store, say so, and pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_conformance::{Outcome, Subject, behaviours, errors};
use keywell_memory::MemoryStore;
use keywell_store::layer::{Grant, Granted};
use keywell_store::{
    Answer, Batching, Bucket, BucketName, Capabilities, Cas, Change, Entry, Error, Event, Expected,
    Filter, Invalid, List, Listing, Page, Promptness, Set, Since, Store, Swap, ValueBytes, Version,
    Watch, Watching,
};
use parking_lot::Mutex;

use crate::bug::{Bug, Inner, Planted};

/// A memory store that does what it declares, and refuses the rest.
pub(crate) struct Modest(pub(crate) Capabilities);

impl Modest {
    /// Where swaps compare values, the value is the version.
    fn show(&self, entry: Entry) -> Entry {
        match self.0.cas {
            Cas::ByValue => Entry {
                version: Version::from(entry.value.clone()),
                ..entry
            },
            _ => entry,
        }
    }

    fn check(&self, key: &str, value: &[u8], how: Set) -> Result<(), Error> {
        if how.ttl.is_some() && !self.0.ttl {
            return Err(Error::Unsupported("a time to live"));
        }
        self.0.check(key, value)
    }
}

impl Bug for Modest {
    fn capabilities(&self, _: &Inner) -> Capabilities {
        self.0
    }

    fn get_within(&self, inner: &Inner, key: &str, max: usize) -> Answer<Option<Entry>> {
        let Answer::Now(entry) = inner.get_within(key, max) else {
            panic!("the memory store answers at once");
        };
        entry
            .map(|entry| entry.map(|entry| self.show(entry)))
            .into()
    }

    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        if let Err(error) = self.check(key, &value, how) {
            return error.into();
        }
        let is_value = self.0.cas == Cas::ByValue;
        inner.set(key, value.clone(), how).map(move |version| {
            if is_value {
                Version::from(value)
            } else {
                version
            }
        })
    }

    fn swap(&self, inner: &Inner, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        if let Change::Set(value, how) = &change
            && let Err(error) = self.check(key, value, *how)
        {
            return error.into();
        }
        match (self.0.cas, expected) {
            (Cas::None, _) => Error::Unsupported("compare-and-swap").into(),
            (Cas::ByValue, Expected::At(value)) => by_value(inner, key, &value, &change),
            (Cas::ByValue, Expected::Absent) => {
                let written = written(&change);
                inner
                    .swap(key, Expected::Absent, change)
                    .map(|done| shown(&done, written))
            }
            (Cas::ByVersion, expected) => inner.swap(key, expected, change),
        }
    }

    fn increment(&self, inner: &Inner, key: &str, delta: i64) -> Answer<i64> {
        if !self.0.increment {
            return Error::Unsupported("counters").into();
        }
        if let Err(error) = self.0.check(key, b"") {
            return error.into();
        }
        inner.increment(key, delta)
    }

    fn get_many_within(
        &self,
        inner: &Inner,
        keys: &[&str],
        max: usize,
    ) -> Answer<Vec<Option<Entry>>> {
        let mut bytes = ValueBytes::new(max);
        let answers = keys.iter().map(|key| self.get_within(inner, key, max));
        Answer::sequence_while(answers, move |entry: &Option<Entry>| {
            bytes.add_entry(entry.as_ref())
        })
    }

    fn set_many(&self, inner: &Inner, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        for (key, value) in &entries {
            if let Err(error) = self.0.check(key, value) {
                return error.into();
            }
        }
        if self.0.batch == Batching::Atomic {
            return inner.set_many(entries);
        }
        let sets = entries
            .into_iter()
            .map(|(key, value)| inner.set(key, value, Set::default()));
        Answer::sequence(sets).map(drop)
    }

    fn list(&self, inner: &Inner, request: List) -> Answer<Page> {
        match self.0.list {
            Listing::None => Error::Unsupported("a listing of keys").into(),
            Listing::Ordered => inner.list(request),
            Listing::Unordered => inner.list(request).map(|mut page| {
                page.keys.reverse();
                page
            }),
        }
    }

    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        match (self.0.watch, since) {
            (Watching::None, _) => Error::Unsupported("watching").into(),
            (Watching::Lossy, Since::After(_)) => Error::Invalid(Invalid::Token).into(),
            (Watching::Lossy, since) => inner.watch(filter, since).map(|watch| {
                // Every twentieth event is lost, and it is known that it was.
                let events = watch.enumerate().map(|(n, event)| match event {
                    _ if n % 20 == 19 => Ok(Event::Gap),
                    event => event.map(without_token),
                });
                Watch::new(None, events)
            }),
            (Watching::Resumable, since) => inner.watch(filter, since),
        }
    }
}

/// Where nothing resumes, no event has a token, nor a version.
fn without_token(event: Event) -> Event {
    match event {
        Event::Set { key, value, .. } => Event::Set {
            key,
            value,
            version: None,
            token: None,
        },
        Event::Delete { key, expired, .. } => Event::Delete {
            key,
            expired,
            token: None,
        },
        other => other,
    }
}

fn written(change: &Change) -> Option<Bytes> {
    match change {
        Change::Set(value, _) => Some(value.clone()),
        Change::Delete => None,
    }
}

fn shown(done: &Swap, written: Option<Bytes>) -> Swap {
    match done {
        Swap::Done(_) => Swap::Done(written.map(Version::from)),
        Swap::Stale => Swap::Stale,
    }
}

/// As often as needed, as somebody may come in between who writes the same value again.
fn by_value(inner: &Inner, key: &str, value: &Version, change: &Change) -> Answer<Swap> {
    loop {
        let Answer::Now(Ok(current)) = inner.get(key) else {
            panic!("the memory store answers at once");
        };
        let current = match current {
            Some(entry) if Some(&entry.value) == value.as_bytes() => entry,
            _ => return Answer::now(Swap::Stale),
        };
        let Answer::Now(done) = inner.swap(key, Expected::At(current.version), change.clone())
        else {
            panic!("the memory store answers at once");
        };
        match done {
            Ok(Swap::Stale) => {}
            done => return done.map(|done| shown(&done, written(change))).into(),
        }
    }
}

/// Runs everything, and counts what was kept, refused and skipped.
async fn passes(subject: Subject) -> (usize, usize, usize) {
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
    assert!(kept > 130 && refused < 20, "{kept} kept, {refused} refused");
}

/// A lossy watch that tells what it finds ready as one event a key, the last, and counts the rest:
/// what comes of reading values late.
struct Coalescing(Modest);

impl Bug for Coalescing {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        self.0.capabilities(inner)
    }

    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        if since != Since::Now {
            return Error::Invalid(Invalid::Token).into();
        }
        inner.watch(filter, since).map(|watch| {
            let coalesced = Arc::new(AtomicU64::new(0));
            let counting = coalesced.clone();
            let events = watch.ready_chunks(1000).flat_map(move |ready| {
                let mut told: Vec<keywell_store::Result<Event>> = Vec::new();
                for event in ready.into_iter().map(|event| event.map(without_token)) {
                    let of = |event: &keywell_store::Result<Event>| {
                        event.as_ref().ok().and_then(Event::key).map(str::to_owned)
                    };
                    let known = told.iter().position(|one| of(one) == of(&event));
                    if let Some(known) = known {
                        drop(told.remove(known));
                        counting.fetch_add(1, Ordering::Relaxed);
                    }
                    told.push(event);
                }
                futures::stream::iter(told)
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
        key_bytes: usize::MAX,
        value_bytes: usize::MAX,
        ..Capabilities::default()
    };
    let subject = Subject::new(Planted::new(Coalescing(Modest(sound))));
    let (kept, refused, _) = passes(subject).await;
    assert!(kept > 140 && refused < 20, "{kept} kept, {refused} refused");
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
        key_bytes: 64,
        value_bytes: 1024,
        ..Capabilities::default()
    };
    let (kept, refused, _) = passes(Subject::new(Planted::new(Modest(small)))).await;
    assert!(kept > 150 && refused < 5, "{kept} kept, {refused} refused");
}

/// Writes what nobody awaited when somebody reads next, which nothing forbids.
#[derive(Default)]
struct WritesLate {
    late: Arc<Mutex<Vec<(String, Bytes)>>>,
    /// How many of them were written.
    written: Arc<AtomicU64>,
}

/// What is left of a write when its answer is dropped.
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
async fn a_store_that_writes_late_what_nobody_awaited_passes() {
    let store = WritesLate::default();
    let written = store.written.clone();
    let subject = Subject::new(Planted::new(store));
    let outcome = errors::a_dropped_answer_does_no_harm(&subject)
        .await
        .unwrap();
    assert_eq!(outcome, Outcome::Kept);
    assert_eq!(written.load(Ordering::Relaxed), 20, "all of them, late");
}

/// A store with one bucket, as services with fixed buckets are.
struct Fixed(MemoryStore);

impl Store for Fixed {
    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        if name.as_str() != "only" {
            return Error::NoSuchBucket(name.to_string()).into();
        }
        self.0.open(name)
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

/// A store that may only be read.
struct ReadOnly(MemoryStore);

impl Store for ReadOnly {
    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        self.0.open(name).map(|inner| {
            let grant = Grant {
                read_only: true,
                ..Grant::default()
            };
            Arc::new(Granted::new(inner, grant)) as Arc<dyn Bucket>
        })
    }
}

/// A store that is down.
struct Down;

impl Store for Down {
    fn open(&self, _: &BucketName) -> Answer<Arc<dyn Bucket>> {
        Error::Unavailable("connection refused".into()).into()
    }
}

/// A store that reads other values than were written, as one of another version might.
struct Garbled;

impl Bug for Garbled {
    fn get_within(&self, inner: &Inner, key: &str, max: usize) -> Answer<Option<Entry>> {
        inner.get_within(key, max).map(|entry| {
            entry.map(|entry| Entry {
                value: Bytes::from_static(b"\x01\x02"),
                ..entry
            })
        })
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_tested_is_found_out_beforehand() {
    let read_only = Subject::new(ReadOnly(MemoryStore::new())).preflight().await;
    assert!(
        matches!(read_only, Err(Error::AccessDenied(_))),
        "{read_only:?}"
    );
    let down = Subject::new(Down).preflight().await;
    assert!(matches!(down, Err(Error::Unavailable(_))), "{down:?}");
    let garbled = Subject::new(Planted::new(Garbled)).preflight().await;
    assert!(matches!(garbled, Err(Error::Internal(_))), "{garbled:?}");
}

/// A store whose server emits no events.
struct Silent;

impl Bug for Silent {
    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        match since {
            Since::Now => Error::Unavailable("the server emits no events".into()).into(),
            since @ Since::After(_) => inner.watch(filter, since),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_watched_now_is_tried_in_all_else() {
    let subject = Subject::new(Planted::new(Silent));
    let why = subject.preflight().await.unwrap().unwrap().to_string();
    assert!(why.contains("emits no events"), "{why}");
    let mut not_tried = 0;
    for behaviour in behaviours() {
        match behaviour.run(&subject).await {
            Ok(Outcome::Skipped("watching was not tried")) => not_tried += 1,
            Ok(_) => assert_ne!(behaviour.group, "watch", "{behaviour:?}"),
            Err(failure) => panic!("{behaviour:?}: {failure}"),
        }
    }
    assert!(not_tried > 5, "{not_tried}");
}

#[test]
fn every_behaviour_has_a_name_of_its_own_and_a_promise() {
    let all = behaviours();
    assert!(all.len() >= 80, "{}", all.len());
    let names: std::collections::HashSet<_> = all.iter().map(|one| one.name).collect();
    assert_eq!(names.len(), all.len());
    assert!(
        all.iter()
            .all(|one| one.promise.ends_with('.') && one.name.len() > 10)
    );
}
