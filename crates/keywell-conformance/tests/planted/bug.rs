use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keywell_conformance::{Failure, Outcome, Subject};
use keywell_memory::MemoryStore;
use keywell_store::{
    Answer, Bucket, BucketName, Capabilities, Change, Check, Collect, Collected, Entry, Expected,
    Filter, List, Page, Part, Promptness, Result, Set, Since, Store, StoreId, Swap, Transacted,
    Version, Watch, Write,
};

pub(crate) type Inner = Arc<dyn Bucket>;

/// A defect: the calls of a bucket that answer wrongly.
pub(crate) trait Bug: Send + Sync + 'static {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        inner.capabilities()
    }
    fn get_within(&self, inner: &Inner, key: &str, max: usize) -> Answer<Option<Entry>> {
        inner.get_within(key, max)
    }
    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        inner.set(key, value, how)
    }
    fn delete(&self, inner: &Inner, key: &str) -> Answer<()> {
        inner.delete(key)
    }
    fn exists(&self, inner: &Inner, key: &str) -> Answer<bool> {
        inner.exists(key)
    }
    fn swap(&self, inner: &Inner, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        inner.swap(key, expected, change)
    }
    fn increment(&self, inner: &Inner, key: &str, delta: i64) -> Answer<i64> {
        inner.increment(key, delta)
    }
    fn increment_or_create(
        &self,
        inner: &Inner,
        key: &str,
        delta: i64,
        created: Set,
    ) -> Answer<i64> {
        if created == Set::default() {
            return self.increment(inner, key, delta);
        }
        inner.increment_or_create(key, delta, created)
    }
    fn get_many_within(
        &self,
        inner: &Inner,
        keys: &[&str],
        max: usize,
    ) -> Answer<Vec<Option<Entry>>> {
        inner.get_many_within(keys, max)
    }
    fn get_with_expiry(
        &self,
        inner: &Inner,
        keys: &[&str],
        max: usize,
    ) -> Answer<Vec<Option<Entry>>> {
        inner.get_with_expiry(keys, max)
    }
    fn set_many(&self, inner: &Inner, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        inner.set_many(entries)
    }
    fn delete_many(&self, inner: &Inner, keys: &[&str]) -> Answer<()> {
        inner.delete_many(keys)
    }
    fn transact(
        &self,
        sound: &MemoryStore,
        checks: Vec<Check>,
        writes: Vec<Write>,
    ) -> Answer<Transacted> {
        sound.transact(checks, writes)
    }
    fn list(&self, inner: &Inner, request: List) -> Answer<Page> {
        inner.list(request)
    }
    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        inner.watch(filter, since)
    }
    fn collect(&self, inner: &Inner, operation: Collect) -> Answer<Collected> {
        inner.collect(operation)
    }
}

/// A memory store with the same defect in every bucket.
pub(crate) struct Planted<B> {
    pub(crate) sound: MemoryStore,
    pub(crate) bug: Arc<B>,
}

struct PlantedBucket<B> {
    inner: Inner,
    bug: Arc<B>,
}

// === impl Planted ===

impl<B: Bug> Planted<B> {
    pub(crate) fn new(bug: B) -> Self {
        Self {
            sound: MemoryStore::new(),
            bug: Arc::new(bug),
        }
    }
}

impl<B: Bug> Store for Planted<B> {
    fn promptness(&self) -> Promptness {
        Promptness::Waits
    }

    fn id(&self) -> Option<StoreId> {
        self.sound.id()
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        let bug = self.bug.clone();
        self.sound
            .open(name)
            .map(move |inner| Arc::new(PlantedBucket { inner, bug }) as Arc<dyn Bucket>)
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        self.bug.transact(&self.sound, checks, writes)
    }

    fn buckets(&self) -> Answer<Vec<BucketName>> {
        self.sound.buckets()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<B: Bug> Bucket for PlantedBucket<B> {
    fn capabilities(&self) -> Capabilities {
        self.bug.capabilities(&self.inner)
    }
    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        self.bug.get_within(&self.inner, key, max)
    }
    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        self.bug.set(&self.inner, key, value, how)
    }
    fn delete(&self, key: &str) -> Answer<()> {
        self.bug.delete(&self.inner, key)
    }
    fn exists(&self, key: &str) -> Answer<bool> {
        self.bug.exists(&self.inner, key)
    }
    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        self.bug.swap(&self.inner, key, expected, change)
    }
    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        self.bug
            .increment_or_create(&self.inner, key, delta, created)
    }
    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        self.bug.get_many_within(&self.inner, keys, max)
    }
    fn get_with_expiry(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        self.bug.get_with_expiry(&self.inner, keys, max)
    }
    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        self.bug.set_many(&self.inner, entries)
    }
    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        self.bug.delete_many(&self.inner, keys)
    }
    fn admit(&self, part: Part) -> Result<Part> {
        self.inner.admit(part)
    }
    fn list(&self, request: List) -> Answer<Page> {
        self.bug.list(&self.inner, request)
    }
    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        self.bug.watch(&self.inner, filter, since)
    }
    fn collect(&self, operation: Collect) -> Answer<Collected> {
        self.bug.collect(&self.inner, operation)
    }
}

/// A store with a defect, which behaviours must catch.
pub(crate) struct Caught(Subject);

// === impl Caught ===

impl Caught {
    pub(crate) fn with(bug: impl Bug) -> Self {
        Self::in_store(Planted::new(bug))
    }

    pub(crate) fn in_store(store: impl Store + 'static) -> Self {
        // A behaviour waits a quarter of this for one event. That is more than its longest time to
        // live: a timeout would not show the defect.
        Self(Subject::new(store).patience(Duration::from_secs(20)))
    }

    /// Runs a behaviour that must fail, and returns the text of its failure.
    pub(crate) async fn by<'a, F>(&'a self, behaviour: impl FnOnce(&'a Subject) -> F) -> String
    where
        F: Future<Output = std::result::Result<Outcome, Failure>>,
    {
        match behaviour(&self.0).await {
            Ok(outcome) => panic!("the behaviour misses the defect: {outcome}"),
            Err(failure) => {
                assert!(!failure.steps.is_empty(), "{failure}");
                println!("{failure}");
                failure.to_string()
            }
        }
    }
}

/// Acknowledges batches, but writes only every second entry and deletes none.
pub(crate) struct HalfBatches;

impl Bug for HalfBatches {
    fn set_many(&self, inner: &Inner, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        inner.set_many(entries.into_iter().step_by(2).collect())
    }

    fn delete_many(&self, _: &Inner, _: &[&str]) -> Answer<()> {
        keywell_store::Error::Internal("no batches today".into()).into()
    }
}
