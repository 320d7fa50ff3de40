use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{
    Answer, Bucket, Capabilities, Change, Entry, Expected, Filter, List, Page, Set, Since, Swap,
    Version, Watch,
};

use super::causes::{Causes, Effect, Place};

/// A bucket whose writes are entered among the [`Causes`] of events, where a delivery makes them.
pub(super) struct Caused {
    inner: Arc<dyn Bucket>,
    place: Place,
    causes: Arc<Causes>,
}

// === impl Caused ===

impl Caused {
    pub(super) fn new(inner: Arc<dyn Bucket>, place: Place, causes: Arc<Causes>) -> Self {
        Self {
            inner,
            place,
            causes,
        }
    }

    fn sets(&self, key: &str, value: &Bytes) {
        self.causes
            .enter(&self.place, key, || self.causes.set(value));
    }

    fn deletes(&self, key: &str) {
        self.causes.enter(&self.place, key, || Effect::Deleted);
    }
}

impl Bucket for Caused {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn get(&self, key: &str) -> Answer<Option<Entry>> {
        self.inner.get(key)
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        self.inner.exists(key)
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        self.sets(key, &value);
        self.inner.set(key, value, how)
    }

    fn delete(&self, key: &str) -> Answer<()> {
        self.deletes(key);
        self.inner.delete(key)
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        match &change {
            Change::Set(value, _) => self.sets(key, value),
            Change::Delete => self.deletes(key),
        }
        self.inner.swap(key, expected, change)
    }

    fn increment(&self, key: &str, delta: i64) -> Answer<i64> {
        self.causes.enter(&self.place, key, || Effect::Counted);
        self.inner.increment(key, delta)
    }

    fn get_many(&self, keys: &[&str]) -> Answer<Vec<Option<Entry>>> {
        self.inner.get_many(keys)
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        for (key, value) in &entries {
            self.sets(key, value);
        }
        self.inner.set_many(entries)
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        for key in keys {
            self.deletes(key);
        }
        self.inner.delete_many(keys)
    }

    fn list(&self, request: List) -> Answer<Page> {
        self.inner.list(request)
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        self.inner.watch(filter, since)
    }
}
