use bytes::Bytes;
use keywell_store::{
    Answer, Bucket, Capabilities, Change, Collect, Collected, Entry, Expected, Filter, List, Page,
    Part, Result, Set, Since, Swap, Version, Watch,
};

use super::bucket::PlainBucket;
use super::fence::check;

/// The default bucket of the flat layout: all keys of the store but those of reserved buckets.
///
/// Calls that name such a key are refused, so that no grant and no prefix leads to one. Listings
/// and watches leave them out by [`Keys::key`](super::Keys::key); a watch of nothing else is refused.
pub(super) struct Fenced(PlainBucket);

// === impl Fenced ===

impl Fenced {
    pub(super) fn new(bucket: PlainBucket) -> Self {
        Self(bucket)
    }

    fn with<'a, T>(
        &self,
        keys: impl IntoIterator<Item = &'a str>,
        call: impl FnOnce(&PlainBucket) -> Answer<T>,
    ) -> Answer<T> {
        match keys.into_iter().try_for_each(check) {
            Ok(()) => call(&self.0),
            Err(error) => error.into(),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Bucket for Fenced {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        self.with([key], |bucket| bucket.get_within(key, max))
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        self.with([key], |bucket| bucket.exists(key))
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        self.with([key], |bucket| bucket.set(key, value, how))
    }

    fn delete(&self, key: &str) -> Answer<()> {
        self.with([key], |bucket| bucket.delete(key))
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        self.with([key], |bucket| bucket.swap(key, expected, change))
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        self.with([key], |bucket| {
            bucket.increment_or_create(key, delta, created)
        })
    }

    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        self.with(keys.iter().copied(), |bucket| {
            bucket.get_many_within(keys, max)
        })
    }

    fn get_with_expiry(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        self.with(keys.iter().copied(), |bucket| {
            bucket.get_with_expiry(keys, max)
        })
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        let checked = entries.iter().try_for_each(|(key, _)| check(key));
        match checked {
            Ok(()) => self.0.set_many(entries),
            Err(error) => error.into(),
        }
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        self.with(keys.iter().copied(), |bucket| bucket.delete_many(keys))
    }

    fn admit(&self, part: Part) -> Result<Part> {
        check(&part.key)?;
        self.0.admit(part)
    }

    fn list(&self, request: List) -> Answer<Page> {
        self.0.list(request)
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        match check_filter(&filter) {
            Ok(()) => self.0.watch(filter, since),
            Err(error) => error.into(),
        }
    }

    fn collect(&self, operation: Collect) -> Answer<Collected> {
        let checked = operation.keys().iter().try_for_each(|key| check(key));
        match checked {
            Ok(()) => self.0.collect(operation),
            Err(error) => error.into(),
        }
    }
}

fn check_filter(filter: &Filter) -> Result<()> {
    match filter {
        Filter::Key(key) | Filter::Prefix(key) => check(key),
        Filter::AnyOf(filters) => filters.iter().try_for_each(check_filter),
        _ => Ok(()),
    }
}
