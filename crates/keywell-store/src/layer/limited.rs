use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Answer, Bucket, Capabilities, Change, Entry, Expected, Filter, Invalid, List, Page, Result,
    Set, Since, Swap, Version, Watch,
};

/// How large keys, values and batches may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest key, in bytes. Keys are never empty.
    pub key_bytes: usize,
    /// The largest value, in bytes.
    pub value_bytes: usize,
    /// The most keys in one batch.
    pub batch_keys: usize,
    /// The most bytes of keys and values in one batch, or in the answer to one.
    pub batch_bytes: usize,
}

/// A bucket behind [`Limits`]. What is past them is answered with [`Invalid`] and never reaches the
/// store.
pub struct Limited {
    inner: Arc<dyn Bucket>,
    limits: Limits,
}

// === impl Limits ===

impl Default for Limits {
    /// Keys of 1 KiB, values of 16 MiB, batches of 10,000 keys and 64 MiB.
    fn default() -> Self {
        Self {
            key_bytes: 1024,
            value_bytes: 16 << 20,
            batch_keys: 10_000,
            batch_bytes: 64 << 20,
        }
    }
}

impl Limits {
    /// Checks a key.
    ///
    /// # Errors
    ///
    /// [`Invalid::EmptyKey`] or [`Invalid::KeyTooLong`].
    pub fn check_key(&self, key: &str) -> Result<()> {
        if key.is_empty() {
            return Err(Invalid::EmptyKey.into());
        }
        if key.len() > self.key_bytes {
            return Err(Invalid::KeyTooLong {
                bytes: key.len(),
                max: self.key_bytes,
            }
            .into());
        }
        Ok(())
    }

    /// Checks the length of a value, so that a host can refuse one before it copies it.
    ///
    /// # Errors
    ///
    /// [`Invalid::ValueTooLarge`].
    pub fn check_value(&self, bytes: usize) -> Result<()> {
        if bytes > self.value_bytes {
            return Err(Invalid::ValueTooLarge {
                bytes,
                max: self.value_bytes,
            }
            .into());
        }
        Ok(())
    }

    /// Checks the size of a batch, so that a host can refuse one before it copies it.
    ///
    /// # Errors
    ///
    /// [`Invalid::BatchTooLong`] or [`Invalid::BatchTooLarge`].
    pub fn check_batch(&self, keys: usize, bytes: usize) -> Result<()> {
        if keys > self.batch_keys {
            return Err(Invalid::BatchTooLong {
                keys,
                max: self.batch_keys,
            }
            .into());
        }
        if bytes > self.batch_bytes {
            return Err(Invalid::BatchTooLarge {
                bytes,
                max: self.batch_bytes,
            }
            .into());
        }
        Ok(())
    }

    fn check_keys(&self, keys: &[&str]) -> Result<()> {
        self.check_batch(keys.len(), keys.iter().map(|key| key.len()).sum())?;
        keys.iter().try_for_each(|key| self.check_key(key))
    }
}

// === impl Limited ===

impl Limited {
    /// Puts limits in front of a bucket.
    pub fn new(inner: Arc<dyn Bucket>, limits: Limits) -> Self {
        Self { inner, limits }
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

impl Bucket for Limited {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn get(&self, key: &str) -> Answer<Option<Entry>> {
        match self.limits.check_key(key) {
            Ok(()) => self.inner.get(key),
            Err(error) => error.into(),
        }
    }

    fn exists(&self, key: &str) -> Answer<bool> {
        match self.limits.check_key(key) {
            Ok(()) => self.inner.exists(key),
            Err(error) => error.into(),
        }
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let limits = &self.limits;
        match limits
            .check_key(key)
            .and_then(|()| limits.check_value(value.len()))
        {
            Ok(()) => self.inner.set(key, value, how),
            Err(error) => error.into(),
        }
    }

    fn delete(&self, key: &str) -> Answer<()> {
        match self.limits.check_key(key) {
            Ok(()) => self.inner.delete(key),
            Err(error) => error.into(),
        }
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let bytes = match &change {
            Change::Set(value, _) => value.len(),
            Change::Delete => 0,
        };
        match self
            .limits
            .check_key(key)
            .and_then(|()| self.limits.check_value(bytes))
        {
            Ok(()) => self.inner.swap(key, expected, change),
            Err(error) => error.into(),
        }
    }

    fn increment(&self, key: &str, delta: i64) -> Answer<i64> {
        match self.limits.check_key(key) {
            Ok(()) => self.inner.increment(key, delta),
            Err(error) => error.into(),
        }
    }

    fn get_many(&self, keys: &[&str]) -> Answer<Vec<Option<Entry>>> {
        if let Err(error) = self.limits.check_keys(keys) {
            return error.into();
        }
        let limits = self.limits;
        self.inner.get_many(keys).and_then(move |entries| {
            let bytes = entries
                .iter()
                .flatten()
                .map(|entry| entry.value.len())
                .sum();
            limits.check_batch(entries.len(), bytes)?;
            Ok(entries)
        })
    }

    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        let limits = &self.limits;
        let bytes = entries
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        let checked = limits.check_batch(entries.len(), bytes).and_then(|()| {
            entries.iter().try_for_each(|(key, value)| {
                limits.check_key(key)?;
                limits.check_value(value.len())
            })
        });
        match checked {
            Ok(()) => self.inner.set_many(entries),
            Err(error) => error.into(),
        }
    }

    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        match self.limits.check_keys(keys) {
            Ok(()) => self.inner.delete_many(keys),
            Err(error) => error.into(),
        }
    }

    fn list(&self, request: List) -> Answer<Page> {
        self.inner.list(request)
    }

    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        self.inner.watch(filter, since)
    }
}
