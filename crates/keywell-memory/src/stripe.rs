use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use keywell_store::{Entry, Expires, Version};

use crate::budget::Budget;
use crate::clock::Moment;
use crate::expiry::Expiries;
use crate::key::HashedKey;

/// A part of a bucket's keys, behind its own lock.
///
/// Table, index and expiries hold the same keys whenever the lock is released.
pub(crate) struct Stripe {
    table: HashTable<Slot>,
    /// The keys in order. Changes only when a key is created or removed.
    index: BTreeSet<Arc<str>>,
    expiries: Expiries,
    hasher: RandomState,
}

/// A key and its entry; one cache line.
pub(crate) struct Slot {
    key: Arc<str>,
    pub(crate) value: Bytes,
    pub(crate) version: u64,
    pub(crate) deadline: Option<Moment>,
}

// === impl Stripe ===

impl Stripe {
    /// The most expired keys that a listing skips in a stripe before it ends early.
    const MOST_SKIPPED: usize = 256;

    /// Tables with a smaller capacity are not shrunk.
    const SMALL_TABLE: usize = 64;

    pub(crate) fn new(hasher: RandomState) -> Self {
        Self {
            table: HashTable::new(),
            index: BTreeSet::new(),
            expiries: Expiries::default(),
            hasher,
        }
    }

    pub(crate) fn expiries(&self) -> &Expiries {
        &self.expiries
    }

    /// The total cost of the slots.
    #[cfg(test)]
    pub(crate) fn cost(&self) -> usize {
        self.table.iter().map(Slot::cost).sum()
    }

    /// The slot of a key, expired or not.
    pub(crate) fn find(&self, key: HashedKey<'_>) -> Option<&Slot> {
        self.table.find(key.hash, |slot| &*slot.key == key.text)
    }

    /// Writes a value, and returns its version and the replaced value.
    ///
    /// `number` makes the version, from the stored key and the value.
    pub(crate) fn put(
        &mut self,
        key: HashedKey<'_>,
        value: Bytes,
        deadline: Option<Moment>,
        number: impl FnOnce(&Arc<str>, &Bytes) -> u64,
    ) -> (u64, Option<Bytes>) {
        let found = self.table.find_mut(key.hash, |slot| *slot.key == *key.text);
        if let Some(slot) = found {
            slot.version = number(&slot.key, &value);
            self.expiries.shift(&slot.key, slot.deadline, deadline);
            slot.deadline = deadline;
            let replaced = std::mem::replace(&mut slot.value, value);
            return (slot.version, Some(replaced));
        }
        let shared = Arc::from(key.text);
        let version = number(&shared, &value);
        self.index.insert(shared.clone());
        self.expiries.shift(&shared, None, deadline);
        let slot = Slot {
            key: shared,
            value,
            version,
            deadline,
        };
        let hasher = &self.hasher;
        self.table.insert_unique(key.hash, slot, |slot| {
            HashedKey::new(hasher, &slot.key).hash
        });
        (version, None)
    }

    /// Removes a key.
    pub(crate) fn take(&mut self, key: HashedKey<'_>) -> Option<Slot> {
        let found = self
            .table
            .find_entry(key.hash, |slot| &*slot.key == key.text);
        let (slot, _) = found.ok()?.remove();
        self.index.remove(key.text);
        self.expiries.shift(&slot.key, slot.deadline, None);
        // Shrinks at an eighth of the capacity to twice the length, so that the cost is amortised
        // over as many writes.
        if self.table.capacity() > Self::SMALL_TABLE && self.table.len() < self.table.capacity() / 8
        {
            let hasher = &self.hasher;
            self.table.shrink_to(self.table.len() * 2, |slot| {
                HashedKey::new(hasher, &slot.key).hash
            });
        }
        Some(slot)
    }

    /// Whether any key has not expired.
    pub(crate) fn holds_any(&self, now: impl FnOnce() -> Moment) -> bool {
        self.table.len() > self.expiries.len()
            || self.expiries.latest().is_some_and(|last| last > now())
    }

    /// Adds up to `most` keys that begin with `prefix`, from `after` on. Returns the last key that
    /// was scanned, or `None` if the stripe was scanned to its end.
    ///
    /// The number of skipped keys is bounded, too, so a run may end early without keys.
    pub(crate) fn run(
        &self,
        after: Bound<&str>,
        prefix: &str,
        most: usize,
        now: Moment,
        keys: &mut Vec<Arc<str>>,
    ) -> Option<Arc<str>> {
        let mut last: Option<&Arc<str>> = None;
        let (mut added, mut skipped) = (0, 0);
        let listed = self
            .index
            .range::<str, _>((after, Bound::Unbounded))
            .take_while(|key| key.starts_with(prefix));
        for key in listed {
            if added == most || skipped == Self::MOST_SKIPPED {
                return last.cloned();
            }
            if self.is_live(key, now) {
                keys.push(key.clone());
                added += 1;
            } else {
                skipped += 1;
            }
            last = Some(key);
        }
        None
    }

    fn is_live(&self, key: &str, now: Moment) -> bool {
        // Without deadlines a listing need not read the table.
        self.expiries.is_empty()
            || self
                .find(HashedKey::new(&self.hasher, key))
                .is_some_and(|slot| slot.deadline.is_none_or(|deadline| deadline > now))
    }
}

// === impl Slot ===

impl Slot {
    /// Whether the entry has not expired.
    pub(crate) fn is_live(&self, now: impl FnOnce() -> Moment) -> bool {
        self.deadline.is_none_or(|deadline| deadline > now())
    }

    /// When the entry expires; `None` if it has. Calls `now` only if it has a deadline.
    pub(crate) fn expires(&self, now: impl FnOnce() -> Moment) -> Option<Expires> {
        match self.deadline {
            None => Some(Expires::Never),
            Some(deadline) => deadline.since(now()).map(Expires::In),
        }
    }

    pub(crate) fn entry(&self, expires: Expires) -> Entry {
        Entry {
            value: self.value.clone(),
            version: Version::from(self.version),
            expires,
        }
    }

    pub(crate) fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// The bytes that a budget counts for the slot.
    pub(crate) fn cost(&self) -> usize {
        Budget::cost(&self.key, &self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(stripe: &mut Stripe, key: &str, deadline: Option<Moment>) {
        let hasher = stripe.hasher.clone();
        let lookup = HashedKey::new(&hasher, key);
        stripe.put(lookup, Bytes::new(), deadline, |_, _| 1);
    }

    fn take(stripe: &mut Stripe, key: &str) -> bool {
        let hasher = stripe.hasher.clone();
        stripe.take(HashedKey::new(&hasher, key)).is_some()
    }

    /// The keys of a run, and its end.
    fn run(
        stripe: &Stripe,
        after: Bound<&str>,
        prefix: &str,
        most: usize,
    ) -> (Vec<String>, Option<String>) {
        let mut keys = Vec::new();
        let end = stripe.run(after, prefix, most, Moment::new(2), &mut keys);
        let text = |key: &Arc<str>| String::from(&**key);
        (keys.iter().map(text).collect(), end.as_ref().map(text))
    }

    fn listed(keys: &[&str], end: Option<&str>) -> (Vec<String>, Option<String>) {
        let keys = keys.iter().map(|&key| key.to_owned()).collect();
        (keys, end.map(str::to_owned))
    }

    #[test]
    fn table_index_and_expiries_hold_the_same_keys() {
        let mut stripe = Stripe::new(RandomState::default());
        let soon = Some(Moment::new(10));
        for (key, deadline) in [
            ("a", soon),
            ("b", None),
            ("a", None),
            ("b", soon),
            ("b", soon),
        ] {
            put(&mut stripe, key, deadline);
        }
        assert_eq!((stripe.table.len(), stripe.index.len()), (2, 2));
        assert_eq!(stripe.expiries.len(), 1);
        assert_eq!(stripe.expiries.due(Moment::new(10)).as_deref(), Some("b"));
        assert!(take(&mut stripe, "b") && !take(&mut stripe, "b"));
        assert!(take(&mut stripe, "a"));
        assert_eq!((stripe.table.len(), stripe.index.len()), (0, 0));
        assert!(stripe.expiries.is_empty());
    }

    #[test]
    fn a_slot_is_one_cache_line() {
        assert_eq!(size_of::<Slot>(), 64);
    }

    #[test]
    fn the_table_shrinks_when_it_empties() {
        let mut stripe = Stripe::new(RandomState::default());
        let names: Vec<String> = (0..10_000).map(|number| number.to_string()).collect();
        for name in &names {
            put(&mut stripe, name, None);
        }
        let full = stripe.table.capacity();
        for name in &names[10..] {
            assert!(take(&mut stripe, name));
        }
        assert!(stripe.table.capacity() < full / 50);
        for name in &names[..10] {
            assert!(take(&mut stripe, name), "{name} survived the shrinking");
        }
    }

    #[test]
    fn a_run_over_expired_keys_ends_early_with_the_last_scanned_key() {
        let mut stripe = Stripe::new(RandomState::default());
        for number in 0..600 {
            put(&mut stripe, &format!("{number:03}"), Some(Moment::new(1)));
        }
        put(&mut stripe, "last", None);
        let run = |after| run(&stripe, after, "", 10);
        assert_eq!(run(Bound::Unbounded), listed(&[], Some("255")));
        assert_eq!(run(Bound::Excluded("255")), listed(&[], Some("511")));
        assert_eq!(run(Bound::Excluded("511")), listed(&["last"], None));
    }

    #[test]
    fn a_run_that_is_full_at_the_end_of_the_stripe_has_no_more() {
        let mut stripe = Stripe::new(RandomState::default());
        for key in ["a", "b1", "b2", "c"] {
            put(&mut stripe, key, None);
        }
        let run = |most| run(&stripe, Bound::Included("b"), "b", most);
        assert_eq!(run(2), listed(&["b1", "b2"], None));
        assert_eq!(run(1), listed(&["b1"], Some("b1")));
    }

    #[test]
    fn a_stripe_of_expired_keys_holds_none() {
        let mut stripe = Stripe::new(RandomState::default());
        assert!(!stripe.holds_any(|| Moment::new(1)));
        put(&mut stripe, "a", Some(Moment::new(5)));
        assert!(stripe.holds_any(|| Moment::new(4)));
        assert!(!stripe.holds_any(|| Moment::new(5)));
        put(&mut stripe, "b", None);
        assert!(stripe.holds_any(|| Moment::new(5)));
    }
}
