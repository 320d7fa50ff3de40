use std::sync::Arc;

use bytes::Bytes;
use keywell_store::Result;

use crate::bucket::MemoryBucket;
use crate::budget::Budget;
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
        let mut writer = Self::again(bucket, stripe);
        writer.clear(Self::MOST_CLEARED);
        writer
    }

    /// Goes on in a stripe that a writer began in before; clears nothing away.
    pub(crate) fn again(bucket: &'a MemoryBucket, stripe: &'a mut Stripe) -> Self {
        Self {
            bucket,
            stripe,
            spent: None,
        }
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
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`](keywell_store::Error::Unavailable) where the store is full.
    pub(crate) fn set(
        &mut self,
        key: HashedKey<'_>,
        value: Bytes,
        deadline: Option<Moment>,
    ) -> Result<u64> {
        let mut was = self
            .current(key)
            .map(|slot| (slot.key().clone(), slot.cost()));
        if let Some(budget) = self.bucket.budget() {
            let cost = |was: &Option<(_, usize)>| was.as_ref().map_or(0, |(_, cost)| *cost);
            let new = Budget::cost(key.text, &value);
            if !budget.exchange(cost(&was), new) {
                self.clear(usize::MAX);
                budget.clear_expired();
                // It may have been among those.
                was = self
                    .current(key)
                    .map(|slot| (slot.key().clone(), slot.cost()));
                if !budget.exchange(cost(&was), new) {
                    return Err(budget.full());
                }
            }
        }
        let shared = was.map_or_else(|| Arc::from(key.text), |(shared, _)| shared);
        Ok(self.put(shared, key, value, deadline))
    }

    /// Writes a value that is counted already over whatever lies at its key.
    pub(crate) fn put_counted(&mut self, key: HashedKey<'_>, value: Bytes) {
        let found = self.stripe.find(key).map(|slot| slot.key().clone());
        let shared = found.unwrap_or_else(|| Arc::from(key.text));
        self.put(shared, key, value, None);
    }

    fn put(
        &mut self,
        shared: Arc<str>,
        key: HashedKey<'_>,
        value: Bytes,
        deadline: Option<Moment>,
    ) -> u64 {
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
        if let Some(budget) = self.bucket.budget() {
            budget.give_back(slot.cost());
        }
        self.bucket.log().append(slot.key(), || change);
        self.spent = Some(slot.value);
        true
    }
}
