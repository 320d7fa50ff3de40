use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::entry::Entry;
use super::origin::Dot;
use super::seen::Seen;
use super::sizes::Sizes;
use super::tree::Tree;

/// The entries of a copy: by key, by age and by write.
#[derive(Debug, Default)]
pub(crate) struct Table {
    slots: HashMap<Arc<str>, Slot, RandomState>,
    /// In the order of their bytes.
    by_key: BTreeSet<Arc<str>>,
    /// By when they were written last. Kept from the first time on that the oldest was asked for, as
    /// most copies never are.
    by_age: Option<BTreeSet<(u64, Arc<str>)>>,
    sizes: Sizes,
    /// By each write that they hold.
    by_dot: BTreeMap<Dot, Arc<str>>,
    bytes: usize,
    tree: Tree,
}

#[derive(Debug)]
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
        let keys = self.by_key.range::<str, _>((from, Bound::Unbounded));
        let keys = keys.take_while(move |key| key.starts_with(prefix));
        keys.filter_map(|key| Some((key, self.get(key)?)))
    }

    pub(crate) fn holds(&self, dot: Dot) -> bool {
        self.by_dot.contains_key(&dot)
    }

    /// The writes in a leaf of the tree.
    pub(crate) fn in_leaf(&self, leaf: u16) -> impl Iterator<Item = Dot> {
        let blocks = self.tree.blocks(leaf);
        let dots = blocks.flat_map(|(first, last)| self.by_dot.range(first..=last));
        dots.map(|(dot, _)| *dot)
    }

    /// The keys that hold some of these writes, with those that they hold.
    pub(crate) fn keys_of(&self, dots: impl Iterator<Item = Dot>) -> BTreeMap<Arc<str>, Vec<Dot>> {
        let mut keys: BTreeMap<Arc<str>, Vec<Dot>> = BTreeMap::new();
        for dot in dots {
            if let Some(key) = self.by_dot.get(&dot) {
                keys.entry(key.clone()).or_default().push(dot);
            }
        }
        keys
    }

    /// The keys that hold writes which are not in a set, by these writes, from one on.
    pub(crate) fn unseen<'a>(
        &'a self,
        seen: &'a Seen,
        from: Dot,
    ) -> impl Iterator<Item = (Dot, &'a Arc<str>)> {
        let mut from = Bound::Included(from);
        std::iter::from_fn(move || {
            loop {
                let (dot, key) = self.by_dot.range((from, Bound::Unbounded)).next()?;
                from = match seen.next_unseen(*dot) {
                    None => Bound::Excluded(Dot {
                        origin: dot.origin,
                        number: u64::MAX,
                    }),
                    Some(next) if next == *dot => {
                        from = Bound::Excluded(*dot);
                        return Some((*dot, key));
                    }
                    Some(next) => Bound::Included(next),
                };
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

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(crate) fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// Removes writes from what a key holds.
    pub(crate) fn remove(&mut self, key: &str, dots: &[Dot]) {
        if let Some(mut entry) = self.get(key).cloned() {
            for dot in dots {
                entry.elements.remove(dot);
            }
            self.put(key, (!entry.is_empty()).then_some(entry));
        }
    }

    /// Replaces what a key holds.
    pub(crate) fn put(&mut self, key: &str, entry: Option<Entry>) {
        let old = self.slots.remove_entry(key);
        let is_new = old.is_none();
        let (key, old) = match old {
            Some((key, old)) => {
                self.bytes -= old.bytes;
                if let Some(by_age) = &mut self.by_age {
                    by_age.remove(&(old.written, key.clone()));
                }
                (key, old.entry)
            }
            None => (Arc::from(key), Entry::default()),
        };
        let entry = entry.unwrap_or_default();
        for dot in old.elements.keys() {
            if !entry.elements.contains_key(dot) {
                self.by_dot.remove(dot);
                self.tree.remove(*dot);
            }
        }
        for dot in entry.elements.keys() {
            if !old.elements.contains_key(dot) {
                self.by_dot.insert(*dot, key.clone());
                self.tree.add(*dot);
            }
        }
        if entry.is_empty() {
            if self.by_key.remove(&key) {
                self.sizes.remove(&key);
            }
            return;
        }
        if is_new {
            self.by_key.insert(key.clone());
            self.sizes.add(&key);
        }
        let slot = Slot {
            fingerprint: entry.fingerprint(&key),
            written: entry.written(),
            bytes: key.len() + entry.bytes(),
            entry,
        };
        self.bytes += slot.bytes;
        if let Some(by_age) = &mut self.by_age {
            by_age.insert((slot.written, key.clone()));
        }
        self.slots.insert(key, slot);
    }

    /// Checks that what is counted as entries come and go agrees with all entries.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn check(&self) {
        let mut tree = Tree::default();
        let mut bytes = 0;
        for (key, slot) in &self.slots {
            assert!(
                self.by_key.contains(key) && !slot.entry.is_empty(),
                "{key:?}"
            );
            let age = (slot.written, key.clone());
            assert!(
                self.by_age
                    .as_ref()
                    .is_none_or(|by_age| by_age.contains(&age)),
                "{key:?}"
            );
            bytes += key.len() + slot.entry.bytes();
            slot.entry.elements.keys().for_each(|dot| tree.add(*dot));
        }
        let counts = (self.slots.len(), self.slots.len(), bytes, tree.root());
        let kept = (
            self.by_key.len(),
            self.by_age.as_ref().map_or(self.slots.len(), BTreeSet::len),
            self.bytes,
            self.tree.root(),
        );
        assert_eq!(kept, counts);
    }
}
