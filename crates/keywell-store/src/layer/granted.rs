use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Answer, Bucket, Capabilities, Change, Collect, Collected, Entry, Error, Event, Expected,
    Filter, List, Page, Part, Result, Set, Since, Swap, Version, Watch,
};

/// What one component may do with one bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Whether writes are refused.
    pub read_only: bool,
    /// What every key begins with in the store. The component neither sees nor writes it: its key
    /// `k` is the store's `{prefix}k`, and no other keys exist for it.
    pub prefix: String,
}

/// A bucket as a [`Grant`] shows it.
pub struct Granted {
    inner: Arc<dyn Bucket>,
    grant: Grant,
}

// === impl Grant ===

impl Grant {
    /// Whether it grants everything, so that no layer is needed.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

// === impl Granted ===

impl Granted {
    /// Shows a bucket as a grant has it.
    pub fn new(inner: Arc<dyn Bucket>, grant: Grant) -> Self {
        Self { inner, grant }
    }

    fn key(&self, key: &str) -> String {
        [&self.grant.prefix, key].concat()
    }

    fn keys(&self, keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| self.key(key)).collect()
    }

    fn write<T>(&self, write: impl FnOnce(&dyn Bucket) -> Answer<T>) -> Answer<T> {
        if self.grant.read_only {
            return Self::read_only().into();
        }
        write(&*self.inner)
    }

    fn read_only() -> Error {
        Error::AccessDenied("this bucket is granted for reading only".into())
    }
}

#[deny(clippy::missing_trait_methods)]
impl Bucket for Granted {
    /// The prefix takes of the room for keys.
    fn capabilities(&self) -> Capabilities {
        let declared = self.inner.capabilities();
        let hidden = self.grant.prefix.len();
        Capabilities {
            key_bytes: declared.key_bytes.saturating_sub(hidden),
            ..declared
        }
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        self.inner.get_within(&self.key(key), max)
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        self.inner.exists(&self.key(key))
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        self.write(|inner| inner.set(&self.key(key), value, how))
    }

    fn delete(&self, key: &str) -> Answer<()> {
        self.write(|inner| inner.delete(&self.key(key)))
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        self.write(|inner| inner.swap(&self.key(key), expected, change))
    }

    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        self.write(|inner| inner.increment_or_create(&self.key(key), delta, created))
    }

    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        let keys = self.keys(keys);
        self.inner
            .get_many_within(&keys.iter().map(String::as_str).collect::<Vec<_>>(), max)
    }

    fn get_with_expiry(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        let keys = self.keys(keys);
        self.inner
            .get_with_expiry(&keys.iter().map(String::as_str).collect::<Vec<_>>(), max)
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        let entries: Vec<_> = entries
            .into_iter()
            .map(|(key, value)| (self.key(key), value))
            .collect();
        self.write(|inner| {
            inner.set_many(
                entries
                    .iter()
                    .map(|(key, value)| (&**key, value.clone()))
                    .collect(),
            )
        })
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        let keys = self.keys(keys);
        self.write(|inner| inner.delete_many(&keys.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    fn admit(&self, mut part: Part) -> Result<Part> {
        if self.grant.read_only && part.writes() {
            return Err(Self::read_only());
        }
        part.key = self.key(&part.key);
        self.inner.admit(part)
    }

    fn list(&self, request: List) -> Answer<Page> {
        let request = List {
            prefix: self.key(&request.prefix),
            ..request
        };
        let hidden = self.grant.prefix.len();
        self.inner.list(request).map(move |mut page| {
            for key in &mut page.keys {
                key.drain(..hidden);
            }
            page
        })
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        let hidden = self.grant.prefix.len();
        self.inner
            .watch(filter.behind(&self.grant.prefix), since)
            .map(move |watch| {
                watch.map_events(move |mut event| {
                    if let Event::Set { key, .. } | Event::Delete { key, .. } = &mut event {
                        key.drain(..hidden);
                    }
                    event
                })
            })
    }

    fn collect(&self, mut operation: Collect) -> Answer<Collected> {
        if self.grant.read_only && operation.writes() {
            return Self::read_only().into();
        }
        for key in operation.keys_mut() {
            *key = self.key(key);
        }
        self.inner.collect(operation)
    }
}
