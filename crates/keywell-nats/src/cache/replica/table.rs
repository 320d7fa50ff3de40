use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use foldhash::fast::RandomState;

use super::dots::Dots;
use super::entry::Entry;
use super::origin::Dot;
use super::seen::Seen;
use super::sizes::Sizes;
use super::writes::Writes;

/// The entries of a copy: by key, by age and by write.
#[derive(Debug, Default)]
pub(crate) struct Table {
    slots: HashMap<Arc<str>, Slot, RandomState>,
    /// In the order of their bytes. Kept from the first listing on, as is the next for the oldest:
    /// most copies need neither, and each would be a large part of what a write costs.
    by_key: OnceLock<BTreeSet<Arc<str>>>,
    /// By when they were written last.
    by_age: Option<BTreeSet<(u64, Arc<str>)>>,
    sizes: Sizes,
    writes: Writes,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Slot {
    entry: Entry,
    fingerprint: u64,
    written: u64,
    bytes: usize,
}

// === impl Table ===

impl Table {
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.slots.get(key).map(|slot| &slot.entry)
    }

    /// Differs between entries of which different writes show; 0 if there is none.
    pub(crate) fn fingerprint(&self, key: &str) -> u64 {
        self.slots.get(key).map_or(0, |slot| slot.fingerprint)
    }

    /// The writes that a key holds.
    pub(crate) fn dots_of(&self, key: &str) -> Vec<Dot> {
        let entry = self.get(key).into_iter();
        let dots = entry.flat_map(|entry| entry.elements.keys());
        dots.copied().collect()
    }

    /// The entries whose keys begin with a prefix, in order, behind a key if one is given.
    pub(crate) fn behind_key<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a Entry)> {
        let from = match after {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(prefix),
        };
        let all = || self.slots.keys().cloned().collect();
        let by_key = self.by_key.get_or_init(all);
        let keys = by_key.range::<str, _>((from, Bound::Unbounded));
        let keys = keys.take_while(move |key| key.starts_with(prefix));
        keys.filter_map(|key| Some((key, self.get(key)?)))
    }

    /// The writes that it holds.
    pub(crate) fn writes(&self) -> &Writes {
        &self.writes
    }

    /// The value that shows under a key, and what differs between entries of which different writes
    /// show.
    pub(crate) fn shown(&self, key: &str) -> Option<(Bytes, u64)> {
        let slot = self.slots.get(key)?;
        Some((slot.entry.value()?, slot.fingerprint))
    }

    /// The keys that hold some of these writes, with those that they hold.
    pub(crate) fn keys_of(&self, dots: &Dots) -> BTreeMap<Arc<str>, Vec<Dot>> {
        let mut keys: BTreeMap<Arc<str>, Vec<Dot>> = BTreeMap::new();
        for (dot, key) in dots.runs().flat_map(|run| self.writes.range(run)) {
            keys.entry(key.clone()).or_default().push(dot);
        }
        keys
    }

    /// The keys that hold writes which are not in a set, by these writes, from one on.
    pub(crate) fn unseen<'a>(
        &'a self,
        seen: &'a Seen,
        from: Dot,
    ) -> impl Iterator<Item = (Dot, &'a Arc<str>)> {
        let mut from = Some(from);
        std::iter::from_fn(move || {
            loop {
                let (dot, key) = self.writes.next(from?)?;
                let unseen = seen.next_unseen(dot);
                from = match unseen {
                    None => dot.last().next(),
                    Some(unseen) if unseen == dot => dot.next(),
                    Some(unseen) => Some(unseen),
                };
                if unseen == Some(dot) {
                    return Some((dot, key));
                }
            }
        })
    }

    /// The key that was written longest ago.
    pub(crate) fn oldest(&mut self) -> Option<Arc<str>> {
        let slots = self.slots.iter();
        let all = || {
            slots
                .map(|(key, slot)| (slot.written, key.clone()))
                .collect()
        };
        let by_age = self.by_age.get_or_insert_with(all);
        by_age.first().map(|(_, key)| key.clone())
    }

    /// How many bytes keys and values have, with what each costs besides.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// Removes writes from what a key holds.
    pub(crate) fn remove(&mut self, key: &str, dots: &[Dot]) {
        self.change(key, |entry| {
            for dot in dots {
                entry.elements.remove(dot);
            }
        });
    }

    /// Changes what a key holds, and answers whether it holds other writes now.
    pub(crate) fn change(&mut self, key: &str, change: impl FnOnce(&mut Entry)) -> bool {
        let (key, mut slot) = match self.slots.remove_entry(key) {
            Some((key, slot)) => {
                self.bytes -= slot.bytes;
                if let Some(by_age) = &mut self.by_age {
                    by_age.remove(&(slot.written, key.clone()));
                }
                (key, slot)
            }
            None => (Arc::from(key), Slot::default()),
        };
        let was_there = !slot.entry.is_empty();
        let before: Vec<Dot> = slot.entry.elements.keys().copied().collect();
        change(&mut slot.entry);
        let mut is_changed = false;
        for dot in &before {
            if !slot.entry.elements.contains_key(dot) {
                is_changed = true;
                self.writes.remove(*dot);
            }
        }
        for dot in slot.entry.elements.keys() {
            if before.binary_search(dot).is_err() {
                is_changed = true;
                self.writes.add(*dot, key.clone());
            }
        }
        if slot.entry.is_empty() {
            if was_there {
                self.by_key.get_mut().map(|by_key| by_key.remove(&key));
                self.sizes.remove(&key);
            }
            return is_changed;
        }
        if !was_there {
            self.by_key
                .get_mut()
                .map(|by_key| by_key.insert(key.clone()));
            self.sizes.add(&key);
        }
        slot.fingerprint = slot.entry.fingerprint(&key);
        slot.written = slot.entry.written();
        slot.bytes = key.len() + slot.entry.bytes();
        self.bytes += slot.bytes;
        if let Some(by_age) = &mut self.by_age {
            by_age.insert((slot.written, key.clone()));
        }
        self.slots.insert(key, slot);
        is_changed
    }

    /// Checks that what is counted as entries come and go agrees with all entries.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn check(&self) {
        let mut writes = Writes::default();
        let mut bytes = 0;
        for (key, slot) in &self.slots {
            let age = (slot.written, key.clone());
            let is_by_key = self.by_key.get().is_none_or(|all| all.contains(key));
            let is_by_age = self.by_age.as_ref().is_none_or(|all| all.contains(&age));
            let is_listed = is_by_key && is_by_age;
            assert!(is_listed && !slot.entry.is_empty(), "{key:?}");
            bytes += key.len() + slot.entry.bytes();
            for dot in slot.entry.elements.keys() {
                writes.add(*dot, key.clone());
            }
        }
        let count = self.slots.len();
        let kept = (
            self.by_key.get().map_or(count, BTreeSet::len),
            self.by_age.as_ref().map_or(count, BTreeSet::len),
            self.bytes,
            self.writes.tree().root(),
        );
        assert_eq!(kept, (count, count, bytes, writes.tree().root()));
    }
}
