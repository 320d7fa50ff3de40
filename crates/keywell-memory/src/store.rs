use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keywell_store::{
    Answer, Bucket, BucketName, Check, Error, Promptness, Result, Store, StoreId, Transacted, Write,
};
use parking_lot::RwLock;

use crate::budget::Budget;
use crate::data::MemoryBucket;
use crate::log::History;
use crate::transact::{TRANSACTING, transact};

/// A store in memory. Clones share the data, which is dropped with the last of them and of the
/// buckets opened from them.
#[derive(Clone, Default)]
pub struct MemoryStore {
    id: StoreId,
    buckets: Arc<RwLock<HashMap<BucketName, Arc<MemoryBucket>>>>,
    history: History,
    closed: Arc<AtomicBool>,
    budget: Option<Arc<Budget>>,
}

// === impl MemoryStore ===

impl MemoryStore {
    /// An empty store that keeps a [`History`] of the default size.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that keeps this much history for the watchers of each bucket.
    pub fn with_history(history: History) -> Self {
        Self {
            history,
            ..Self::default()
        }
    }

    /// An empty store whose buckets hold at most `max_bytes` in total.
    ///
    /// The total counts the bytes of keys and values, and as overhead 256 bytes for each key and 16 KiB
    /// for each bucket that was ever opened. Deleted, replaced and expired values do not count. A write
    /// past the bound is refused with [`Error::Unavailable`] and changes nothing, a batch as a whole; so
    /// is opening another bucket. The history is not counted: [`History`] bounds it for each bucket that
    /// was ever watched.
    ///
    /// With concurrent writers, a write may be refused although keys have just expired in a part of a
    /// bucket that another thread is writing to.
    pub fn bounded(max_bytes: usize, history: History) -> Self {
        Self {
            history,
            budget: Some(Arc::new(Budget::new(max_bytes))),
            ..Self::default()
        }
    }

    fn bucket(&self, name: &BucketName) -> Result<Arc<MemoryBucket>> {
        if let Some(bucket) = self.buckets.read().get(name) {
            return Ok(bucket.clone());
        }
        let mut buckets = self.buckets.write();
        if let Some(bucket) = buckets.get(name) {
            return Ok(bucket.clone());
        }
        if let Some(budget) = &self.budget {
            budget.open()?;
        }
        let (closed, budget) = (self.closed.clone(), self.budget.clone());
        let bucket = MemoryBucket::new(self.id, name, self.history, closed, budget);
        if let Some(budget) = &self.budget {
            let weak = Arc::downgrade(&bucket);
            budget.opened(weak);
        }
        buckets.insert(name.clone(), bucket.clone());
        Ok(bucket)
    }
}

impl Store for MemoryStore {
    fn promptness(&self) -> Promptness {
        Promptness::AtOnce
    }

    fn is_exclusive(&self) -> bool {
        true
    }

    fn id(&self) -> Option<StoreId> {
        Some(self.id)
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        let bucket = self.bucket(name);
        bucket.map(|bucket| bucket as Arc<dyn Bucket>).into()
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        let transacted = || {
            TRANSACTING.check(&checks, &writes)?;
            let checked = checks.iter().map(|check| &check.bucket);
            let named = checked.chain(writes.iter().map(|write| &write.bucket));
            let named: BTreeSet<&BucketName> = named.collect();
            let opened = named
                .into_iter()
                .map(|name| Ok((name.clone(), self.bucket(name)?)));
            let buckets = opened.collect::<Result<_>>()?;
            transact(&buckets, &checks, &writes)
        };
        transacted().into()
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
