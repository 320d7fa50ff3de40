use std::sync::Arc;

use bytes::Bytes;

use crate::bucket::MemoryBucket;
use crate::clock::Moment;
use crate::log::Change;
use crate::stripe::{Slot, Stripe};
use crate::stripes::HashedKey;

/// Writes to a stripe whose lock is held, so that data, log and alarm agree.
pub(crate) struct Writer<'a> {
    bucket: &'a MemoryBucket,
    stripe: &'a mut Stripe,
    /// The value that was replaced last. Freeing a large one takes long, so whoever locked the
    /// stripe takes it out and frees it after unlocking.
    pub(crate) spent: Option<Bytes>,
}

// === impl Writer ===

impl<'a> Writer<'a> {
    /// The most expired keys that one write clears away. More than one, so that they are cleared
    /// faster than they are written.
    const MOST_CLEARED: usize = 16;

    /// Begins to write; clears away some of what has expired.
    pub(crate) fn new(bucket: &'a MemoryBucket, stripe: &'a mut Stripe) -> Self {
        let mut writer = Self {
            bucket,
            stripe,
            spent: None,
        };
        writer.clear(Self::MOST_CLEARED);
        writer
    }

    /// What is at a key now.
    ///
    /// Finds nothing expired: that is cleared away, and told, before anything else happens to the
    /// key.
    pub(crate) fn current(&mut self, key: HashedKey<'_>) -> Option<&Slot> {
        let expired = !self.stripe.expiries().is_empty()
            && self
                .stripe
                .find(key)
                .is_some_and(|slot| !slot.is_live(|| self.bucket.clock().now()));
        if expired {
            self.remove(key, Change::Expired);
        }
        self.stripe.find(key)
    }

    /// Writes a value, and answers its version.
    pub(crate) fn set(
        &mut self,
        key: HashedKey<'_>,
        value: Bytes,
        deadline: Option<Moment>,
    ) -> u64 {
        let shared = match self.current(key) {
            Some(slot) => slot.key().clone(),
            None => Arc::from(key.text),
        };
        // Before the log: a watcher that does not see the record is woken, and one that does looks
        // at the alarm again.
        if let Some(deadline) = deadline {
            self.bucket.alarm().set(deadline);
        }
        let version = self
            .bucket
            .log()
            .append(&shared, || Change::Set(value.clone()));
        self.spent = self.stripe.put(shared, key, value, version, deadline);
        version
    }

    /// Removes a key; whether it was there.
    pub(crate) fn delete(&mut self, key: HashedKey<'_>) -> bool {
        self.current(key).is_some() && self.remove(key, Change::Deleted)
    }

    /// Clears away expired keys, at most so many, and answers how many there were.
    pub(crate) fn clear(&mut self, most: usize) -> usize {
        if self.stripe.expiries().is_empty() {
            return 0;
        }
        let now = self.bucket.clock().now();
        for cleared in 0..most {
            let Some(key) = self.stripe.expiries().due(now) else {
                return cleared;
            };
            self.remove(self.bucket.stripes().hashed(&key), Change::Expired);
        }
        most
    }

    fn remove(&mut self, key: HashedKey<'_>, change: Change) -> bool {
        let Some(slot) = self.stripe.take(key) else {
            return false;
        };
        self.bucket.log().append(slot.key(), || change);
        self.spent = Some(slot.value);
        true
    }
}
