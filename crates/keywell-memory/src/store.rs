use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keywell_store::{Answer, Bucket, BucketName, Error, Promptness, Store};
use parking_lot::RwLock;

use crate::bucket::MemoryBucket;
use crate::log::History;

/// A store in memory. Clones are handles on the same data, which is gone with the last of them
/// and of the buckets opened from them.
#[derive(Clone, Default)]
pub struct MemoryStore {
    buckets: Arc<RwLock<HashMap<BucketName, Arc<MemoryBucket>>>>,
    history: History,
    closed: Arc<AtomicBool>,
}

// === impl MemoryStore ===

impl MemoryStore {
    /// An empty store that keeps a [`History`] of the default size.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that keeps so much history for the watchers of each bucket.
    pub fn with_history(history: History) -> Self {
        Self {
            history,
            ..Self::default()
        }
    }

    fn bucket(&self, name: &BucketName) -> Arc<MemoryBucket> {
        if let Some(bucket) = self.buckets.read().get(name) {
            return bucket.clone();
        }
        self.buckets
            .write()
            .entry(name.clone())
            .or_insert_with(|| MemoryBucket::new(name, self.history, self.closed.clone()))
            .clone()
    }
}

impl Store for MemoryStore {
    fn promptness(&self) -> Promptness {
        Promptness::AtOnce
    }

    fn is_exclusive(&self) -> bool {
        true
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        Answer::now(self.bucket(name))
    }

    fn buckets(&self) -> Answer<Vec<BucketName>> {
        let mut names: Vec<_> = self
            .buckets
            .read()
            .iter()
            .filter(|(_, bucket)| bucket.holds_any())
            .map(|(name, _)| name.clone())
            .collect();
        names.sort();
        Answer::now(names)
    }

    fn health(&self) -> Answer<()> {
        if self.closed.load(Ordering::Acquire) {
            return Error::Unavailable("the memory store is closed".into()).into();
        }
        Answer::now(())
    }

    fn close(&self) -> Answer<()> {
        self.closed.store(true, Ordering::Release);
        for bucket in self.buckets.read().values() {
            bucket.stripes().settle();
        }
        Answer::now(())
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("history", &self.history)
            .finish_non_exhaustive()
    }
}
