use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::entry::Entry;
use super::origin::Dot;
use super::seen::Seen;
use super::sizes::Sizes;
use super::tree::{self, Tree};

/// The entries of a copy: by key, by leaf of the tree, by age and by write.
#[derive(Debug, Default)]
pub(crate) struct Table {
    slots: HashMap<Arc<str>, Slot, RandomState>,
    by_leaf: BTreeSet<(u16, Arc<str>)>,
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

    /// Differs between entries of different writes; 0 if there is none.
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

    /// The keys of a leaf, with their fingerprints.
    pub(crate) fn in_leaf(&self, leaf: u16) -> impl Iterator<Item = (&Arc<str>, u64)> {
        let keys = self.by_leaf.range((leaf, Arc::from(""))..);
        let keys = keys.take_while(move |(of, _)| *of == leaf);
        keys.map(|(_, key)| (key, self.fingerprint(key)))
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

    /// Replaces what a key holds.
    pub(crate) fn put(&mut self, key: &str, entry: Option<Entry>) {
        let old = self.slots.remove_entry(key);
        let leaf = tree::leaf(key);
        let Some(entry) = entry else {
            if let Some((key, old)) = old {
                self.drop_slot(&key, &old);
                self.tree.replace(leaf, Some(old.fingerprint), None);
                self.by_key.remove(&key);
                self.sizes.remove(&key);
                self.by_leaf.remove(&(leaf, key));
            }
            return;
        };
        let slot = Slot {
            fingerprint: entry.fingerprint(key),
            written: entry.written(),
            bytes: key.len() + entry.bytes(),
            entry,
        };
        let (key, before) = if let Some((key, old)) = old {
            self.drop_slot(&key, &old);
            (key, Some(old.fingerprint))
        } else {
            let key = Arc::from(key);
            self.by_leaf.insert((leaf, Arc::clone(&key)));
            self.by_key.insert(key.clone());
            self.sizes.add(&key);
            (key, None)
        };
        self.tree.replace(leaf, before, Some(slot.fingerprint));
        self.bytes += slot.bytes;
        if let Some(by_age) = &mut self.by_age {
            by_age.insert((slot.written, key.clone()));
        }
        for dot in slot.entry.elements.keys() {
            self.by_dot.insert(*dot, key.clone());
        }
        self.slots.insert(key, slot);
    }

    fn drop_slot(&mut self, key: &Arc<str>, old: &Slot) {
        self.bytes -= old.bytes;
        if let Some(by_age) = &mut self.by_age {
            by_age.remove(&(old.written, key.clone()));
        }
        for dot in old.entry.elements.keys() {
            self.by_dot.remove(dot);
        }
    }
}
