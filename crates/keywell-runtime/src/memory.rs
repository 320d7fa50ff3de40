use std::sync::Arc;

use keywell_wasi::TotalMemory;
use wasmtime::ResourceLimiter;

/// The memory that an instance has itself: all of its linear memories and tables together, and the
/// heaps of its garbage collector.
#[derive(Debug)]
pub(crate) struct InstanceMemory {
    limit: usize,
    used: usize,
    /// What grew last, to be taken back where the engine could not grow it.
    last: usize,
    total: Arc<TotalMemory>,
    refusal: Option<GrowthRefusal>,
}

/// Why a memory or a table did not grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrowthRefusal {
    /// The instance has as much as it may have.
    Instance,
    /// All instances together have as much as they may have.
    Total,
}

// === impl InstanceMemory ===

impl InstanceMemory {
    /// The size of a table's element, in bytes; the engine's pool has pointers.
    const ELEMENT: usize = size_of::<usize>();

    pub(crate) fn new(limit: usize, total: Arc<TotalMemory>) -> Self {
        Self {
            limit,
            used: 0,
            last: 0,
            total,
            refusal: None,
        }
    }

    /// Why something did not grow last, if something did not.
    pub(crate) fn refusal(&self) -> Option<GrowthRefusal> {
        self.refusal
    }

    /// How much it may have, in bytes.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    fn grow(&mut self, bytes: usize) -> bool {
        self.last = 0;
        if bytes > self.limit - self.used {
            self.refusal = Some(GrowthRefusal::Instance);
            return false;
        }
        if self.total.charge(bytes).is_err() {
            self.refusal = Some(GrowthRefusal::Total);
            return false;
        }
        self.used += bytes;
        self.last = bytes;
        true
    }

    fn take_back(&mut self) {
        let bytes = std::mem::take(&mut self.last);
        self.used -= bytes;
        self.total.refund(bytes);
    }
}

impl ResourceLimiter for InstanceMemory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(desired.saturating_sub(current)))
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let elements = desired.saturating_sub(current);
        Ok(self.grow(elements.saturating_mul(Self::ELEMENT)))
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }
}

impl Drop for InstanceMemory {
    fn drop(&mut self) {
        self.total.refund(self.used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_share_one_limit() {
        let total = Arc::new(TotalMemory::new(usize::MAX));
        let mut memory = InstanceMemory::new(1000, total.clone());
        assert!(memory.memory_growing(0, 600, None).unwrap());
        assert!(memory.memory_growing(0, 200, None).unwrap());
        assert!(memory.table_growing(0, 20, None).unwrap());
        assert_eq!((memory.refusal(), total.charged()), (None, 960));
        assert!(!memory.memory_growing(600, 650, None).unwrap());
        assert_eq!(memory.refusal(), Some(GrowthRefusal::Instance));
        assert!(memory.table_growing(20, 25, None).unwrap());
        drop(memory);
        assert_eq!(total.charged(), 0);
    }

    #[test]
    fn what_the_engine_could_not_grow_does_not_count() {
        let total = Arc::new(TotalMemory::new(usize::MAX));
        let mut memory = InstanceMemory::new(1000, total.clone());
        assert!(memory.memory_growing(0, 600, None).unwrap());
        assert!(memory.memory_growing(600, 900, None).unwrap());
        let failed = wasmtime::format_err!("the system has no memory");
        memory.memory_grow_failed(failed).unwrap();
        assert_eq!(total.charged(), 600);
        // One that was refused takes nothing back.
        assert!(!memory.memory_growing(600, 2000, None).unwrap());
        let refused = wasmtime::format_err!("refused");
        memory.memory_grow_failed(refused).unwrap();
        assert_eq!(total.charged(), 600);
    }

    #[test]
    fn all_instances_together_are_bounded() {
        let total = Arc::new(TotalMemory::new(1000));
        let mut one = InstanceMemory::new(1000, total.clone());
        let mut other = InstanceMemory::new(1000, total);
        assert!(one.memory_growing(0, 600, None).unwrap());
        assert!(!other.memory_growing(0, 600, None).unwrap());
        assert_eq!(other.refusal(), Some(GrowthRefusal::Total));
        drop(one);
        assert!(other.memory_growing(0, 600, None).unwrap());
    }
}
