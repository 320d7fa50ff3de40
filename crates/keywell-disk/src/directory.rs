use std::collections::HashMap;
use std::sync::Arc;

use keywell_store::BucketName;
use parking_lot::RwLock;

/// The numbers of all buckets that ever held something, in memory. A name that is missing here has
/// no entry on disk.
#[derive(Debug, Default)]
pub(crate) struct Directory(RwLock<HashMap<Arc<str>, u32>>);

// === impl Directory ===

impl Directory {
    pub(crate) fn find(&self, bucket: &BucketName) -> Option<u32> {
        self.0.read().get(bucket.as_str()).copied()
    }

    pub(crate) fn add(&self, buckets: Vec<(Arc<str>, u32)>) {
        if !buckets.is_empty() {
            self.0.write().extend(buckets);
        }
    }

    pub(crate) fn replace(&self, buckets: HashMap<Arc<str>, u32>) {
        *self.0.write() = buckets;
    }

    /// All buckets, in the order of their names.
    pub(crate) fn all(&self) -> Vec<(Arc<str>, u32)> {
        let mut all: Vec<_> = self
            .0
            .read()
            .iter()
            .map(|(name, number)| (name.clone(), *number))
            .collect();
        all.sort();
        all
    }
}
