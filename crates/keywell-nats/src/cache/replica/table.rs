use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::entry::Entry;
use super::origin::Dot;
use super::tree::{self, Tree};

/// The entries of a copy, by key, by leaf of the tree and by age.
#[derive(Debug, Default)]
pub(crate) struct Table {
    entries: HashMap<Arc<str>, Entry>,
    by_leaf: BTreeSet<(u16, Arc<str>)>,
    /// In the order of their bytes.
    by_key: BTreeSet<Arc<str>>,
    /// By when they were written last.
    by_age: BTreeSet<(u64, Arc<str>)>,
    bytes: usize,
    tree: Tree,
}

// === impl Table ===

impl Table {
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// The writes that a key holds.
    pub(crate) fn dots_of(&self, key: &str) -> Vec<Dot> {
        let entry = self.entries.get(key).into_iter();
        let dots = entry.flat_map(|entry| entry.elements.keys());
        dots.copied().collect()
    }

    /// The entries whose keys begin with a prefix, in order, behind a key if one is given.
    pub(crate) fn from_key<'a>(
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
        keys.filter_map(|key| Some((key, self.entries.get(key)?)))
    }

    /// The entries from a key on in the order of the tree; all if the key is empty.
    pub(crate) fn from_leaf(&self, key: &str) -> impl Iterator<Item = (&Arc<str>, &Entry)> {
        let leaf = if key.is_empty() { 0 } else { tree::leaf(key) };
        let keys = self.by_leaf.range((leaf, Arc::from(key))..);
        keys.filter_map(|(_, key)| Some((key, self.entries.get(key)?)))
    }

    /// The entries of a leaf.
    pub(crate) fn in_leaf(&self, leaf: u16) -> impl Iterator<Item = (&Arc<str>, &Entry)> {
        let keys = self.by_leaf.range((leaf, Arc::from(""))..);
        let keys = keys.take_while(move |(of, _)| *of == leaf);
        keys.filter_map(|(_, key)| Some((key, self.entries.get(key)?)))
    }

    /// The key that was written longest ago.
    pub(crate) fn oldest(&self) -> Option<Arc<str>> {
        self.by_age.first().map(|(_, key)| key.clone())
    }

    /// How many bytes keys and values have, with what each costs besides.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Replaces what a key holds.
    pub(crate) fn put(&mut self, key: &str, entry: Option<Entry>) {
        let known = self.entries.get_key_value(key).map(|(key, _)| key.clone());
        let key = known.unwrap_or_else(|| Arc::from(key));
        let new = entry.as_ref().map(|entry| entry.fingerprint(&key));
        let old = self.entries.remove(&key);
        if let Some(old) = &old {
            self.by_age.remove(&(old.written(), key.clone()));
            self.bytes -= key.len() + old.bytes();
        }
        let leaf = tree::leaf(&key);
        let old = old.map(|entry| entry.fingerprint(&key));
        self.tree.replace(leaf, old, new);
        match entry {
            Some(entry) => {
                self.bytes += key.len() + entry.bytes();
                self.by_age.insert((entry.written(), key.clone()));
                self.by_leaf.insert((leaf, key.clone()));
                self.by_key.insert(key.clone());
                self.entries.insert(key, entry);
            }
            None => {
                self.by_key.remove(&key);
                self.by_leaf.remove(&(leaf, key));
            }
        }
    }
}
