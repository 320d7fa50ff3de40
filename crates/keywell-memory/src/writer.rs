use std::sync::Arc;

use bytes::Bytes;
use keywell_store::Result;

use crate::budget::Budget;
use crate::clock::Moment;
use crate::data::MemoryBucket;
use crate::key::HashedKey;
use crate::log::Kind;
use crate::stripe::{Slot, Stripe};

/// Writes to a locked stripe, and keeps data, log and alarm consistent.
pub(crate) struct Writer<'a> {
    bucket: &'a MemoryBucket,
    stripe: &'a mut Stripe,
    /// The last replaced value. Freeing a large one is slow, so the caller takes it and frees it after
    /// it has unlocked the stripe.
    pub(crate) spent: Option<Bytes>,
}

// === impl Writer ===

impl<'a> Writer<'a> {
    /// The most expired keys that one write removes. More than one, so that they are removed faster
    /// than they are written.
    const MOST_CLEARED: usize = 16;

    /// Starts writing, and removes some expired keys.
    pub(crate) fn new(bucket: &'a MemoryBucket, stripe: &'a mut Stripe) -> Self {
        let mut writer = Self::again(bucket, stripe);
        writer.clear(Self::MOST_CLEARED);
        writer
    }

    /// Continues in a stripe that an earlier writer has started in; removes nothing.
    pub(crate) fn again(bucket: &'a MemoryBucket, stripe: &'a mut Stripe) -> Self {
        Self {
            bucket,
            stripe,
            spent: None,
        }
    }

    /// The current slot of a key.
    pub(crate) fn current(&mut self, key: HashedKey<'_>) -> Option<&Slot> {
        self.expire(key);
        self.stripe.find(key)
    }

    /// Removes an expired key, so that its expiration is logged before the next write.
    fn expire(&mut self, key: HashedKey<'_>) {
        let expired = !self.stripe.expiries().is_empty()
            && self
                .stripe
                .find(key)
                .is_some_and(|slot| !slot.is_live(|| self.bucket.clock().now()));
        if expired {
            self.remove(key, Kind::Expired);
        }
    }

    /// Writes a value, and answers its version.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`](keywell_store::Error::Unavailable) if the store is full.
    pub(crate) fn set(
        &mut self,
        key: HashedKey<'_>,
        value: Bytes,
        deadline: Option<Moment>,
    ) -> Result<u64> {
        if let Some(budget) = self.bucket.budget() {
            self.take_cost(budget, key, &value)?;
        }
        self.expire(key);
        Ok(self.put_counted(key, value, deadline))
    }

    /// Takes the cost of a value from the budget, in exchange for that of the value it replaces.
    #[cold]
    fn take_cost(&mut self, budget: &Budget, key: HashedKey<'_>, value: &Bytes) -> Result<()> {
        let new = Budget::cost(key.text, value);
        if budget.exchange(self.current(key).map_or(0, Slot::cost), new) {
            return Ok(());
        }
        self.clear(usize::MAX);
        budget.clear_expired();
        // The key may be one of those removed.
        if budget.exchange(self.current(key).map_or(0, Slot::cost), new) {
            return Ok(());
        }
        Err(budget.full())
    }

    /// Writes a value whose cost is already taken.
    pub(crate) fn put_counted(
        &mut self,
        key: HashedKey<'_>,
        value: Bytes,
        deadline: Option<Moment>,
    ) -> u64 {
        // Before the log: a watcher that does not see the record is woken, and one that does reads
        // the alarm again.
        if let Some(deadline) = deadline {
            self.bucket.alarm().set(deadline);
        }
        let log = self.bucket.log();
        let number = |key: &Arc<str>, value: &Bytes| log.append(key, || Kind::Set(value.clone()));
        let (version, spent) = self.stripe.put(key, value, deadline, number);
        self.spent = spent;
        version
    }

    /// Removes a key; whether it existed.
    pub(crate) fn delete(&mut self, key: HashedKey<'_>) -> bool {
        self.expire(key);
        self.remove(key, Kind::Deleted)
    }

    /// Removes at most `most` expired keys, and returns their number.
    pub(crate) fn clear(&mut self, most: usize) -> usize {
        if self.stripe.expiries().is_empty() {
            return 0;
        }
        let now = self.bucket.clock().now();
        for cleared in 0..most {
            let Some(key) = self.stripe.expiries().due(now) else {
                return cleared;
            };
            self.remove(self.bucket.stripes().hashed(&key), Kind::Expired);
        }
        most
    }

    fn remove(&mut self, key: HashedKey<'_>, kind: Kind) -> bool {
        let Some(cost) = self.take(key, kind) else {
            return false;
        };
        if let Some(budget) = self.bucket.budget() {
            budget.give_back(cost);
        }
        true
    }

    /// Removes a key whose cost is given back already; whether it existed.
    pub(crate) fn delete_counted(&mut self, key: HashedKey<'_>) -> bool {
        self.take(key, Kind::Deleted).is_some()
    }

    /// Takes a key out, and returns its cost.
    fn take(&mut self, key: HashedKey<'_>, kind: Kind) -> Option<usize> {
        let slot = self.stripe.take(key)?;
        let cost = slot.cost();
        self.bucket.log().append(slot.key(), || kind);
        self.spent = Some(slot.value);
        Some(cost)
    }
}
