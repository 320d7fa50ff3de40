use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use keywell_disk::DiskStore;
use keywell_memory::MemoryStore;
use keywell_store::{Answer, Bucket, BucketName, List, Page, Result, Set, Store, Version};
use redb::backends::InMemoryBackend;
use tokio::runtime::{Builder, Runtime};

/// Two buckets of one store, empty at the beginning, and what polls their answers.
pub(crate) struct Pair {
    runtime: Runtime,
    pub(crate) buckets: [Arc<dyn Bucket>; 2],
    _store: Arc<dyn Store>,
}

// === impl Pair ===

impl Pair {
    fn new(store: Arc<dyn Store>) -> Self {
        let runtime = Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime without drivers needs nothing of the system");
        let buckets = ["a", "b"].map(|name| {
            let name = BucketName::parse(name).expect("it is a name");
            let opened = runtime.block_on(store.open(&name));
            opened.expect("these stores open any bucket")
        });
        Self {
            runtime,
            buckets,
            _store: store,
        }
    }

    /// In memory, and new each time.
    pub(crate) fn memory() -> Self {
        Self::new(Arc::new(MemoryStore::new()))
    }

    fn disk() -> Self {
        let storage = || Ok(Box::new(InMemoryBackend::new()) as _);
        let store = DiskStore::builder().open_storage(storage);
        Self::new(Arc::new(store.expect("a database in memory can be made")))
    }

    /// Waits for an answer.
    pub(crate) fn answer<T: 'static>(&self, answer: Answer<T>) -> Result<T> {
        self.runtime.block_on(answer)
    }

    pub(crate) fn set(&self, bucket: usize, key: &str, value: &[u8]) -> Result<Version> {
        let value = Bytes::copy_from_slice(value);
        self.answer(self.buckets[bucket].set(key, value, Set::default()))
    }

    pub(crate) fn delete(&self, bucket: usize, key: &str) -> Result<()> {
        self.answer(self.buckets[bucket].delete(key))
    }

    pub(crate) fn list(&self, bucket: usize, request: List) -> Result<Page> {
        self.answer(self.buckets[bucket].list(request))
    }

    /// Removes these keys from both buckets.
    pub(crate) fn clear<'a>(&self, keys: impl IntoIterator<Item = &'a str>) {
        let keys: Vec<&str> = keys.into_iter().collect();
        for bucket in &self.buckets {
            let deleted = self.answer(bucket.delete_many(&keys));
            deleted.expect("what is in memory can be deleted");
        }
    }
}

/// Lends the disk store on its pages in memory, which is expensive to create: the same each time, so
/// the borrower has to clear it.
pub(crate) fn with_disk(test: impl FnOnce(&Pair)) {
    thread_local! {
        static DISK: RefCell<Option<Pair>> = const { RefCell::new(None) };
    }
    DISK.with_borrow_mut(|disk| test(disk.get_or_insert_with(Pair::disk)));
}
