use std::sync::atomic::{AtomicU64, Ordering};

/// The identity of an open store in this process, by which its buckets are known in a
/// [transaction](crate::Transaction). Clones of a store have the same one; the same place opened
/// twice is two stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreId(u64);

// === impl StoreId ===

impl StoreId {
    /// One that no other store of this process has.
    pub fn unique() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl Default for StoreId {
    /// As [`StoreId::unique`].
    fn default() -> Self {
        Self::unique()
    }
}
