use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use keywell_store::{BucketName, reserved};
use parking_lot::RwLock;

use crate::entry;

/// The numbers of all buckets that ever held something, in memory. A name that is missing here has
/// no entry on disk.
#[derive(Debug, Default)]
pub(crate) struct Directory(RwLock<Names>);

#[derive(Debug, Default)]
struct Names {
    numbers: HashMap<Arc<str>, u32>,
    /// The buckets that keep no history.
    reserved: HashSet<u32>,
}

/// Whether a bucket of this name keeps no history.
pub(crate) fn is_reserved(name: &str) -> bool {
    BucketName::parse(name).is_ok_and(|name| reserved::is_reserved(&name))
}

// === impl Directory ===

impl Directory {
    pub(crate) fn find(&self, bucket: &BucketName) -> Option<u32> {
        self.0.read().numbers.get(bucket.as_str()).copied()
    }

    /// Whether the bucket of a number keeps no history.
    pub(crate) fn is_reserved(&self, number: u32) -> bool {
        self.0.read().reserved.contains(&number)
    }

    /// A key of the table of entries as text, for errors.
    pub(crate) fn describe(&self, joined: &[u8]) -> String {
        let Ok((bucket, key)) = entry::split_key(joined) else {
            return "a key".to_owned();
        };
        let names = self.0.read();
        let mut names = names.numbers.iter();
        match names.find(|(_, number)| **number == bucket) {
            Some((name, _)) => format!("the key {key:?} of the bucket {name:?}"),
            None => format!("the key {key:?}"),
        }
    }

    pub(crate) fn add(&self, buckets: Vec<(Arc<str>, u32)>) {
        if !buckets.is_empty() {
            self.0.write().extend(buckets);
        }
    }

    pub(crate) fn replace(&self, buckets: HashMap<Arc<str>, u32>) {
        let mut names = Names::default();
        names.extend(buckets);
        *self.0.write() = names;
    }

    /// All buckets, in the order of their names.
    pub(crate) fn all(&self) -> Vec<(Arc<str>, u32)> {
        let mut all: Vec<_> = self
            .0
            .read()
            .numbers
            .iter()
            .map(|(name, number)| (name.clone(), *number))
            .collect();
        all.sort();
        all
    }
}

// === impl Names ===

impl Names {
    fn extend(&mut self, buckets: impl IntoIterator<Item = (Arc<str>, u32)>) {
        for (name, number) in buckets {
            if is_reserved(&name) {
                self.reserved.insert(number);
            }
            self.numbers.insert(name, number);
        }
    }
}
