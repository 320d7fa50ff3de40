use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keywell_wasi::{Budget, OverBudget};
use tokio::sync::Semaphore;

/// What the host holds of folders whose listings an instance reads.
pub(crate) struct Listings {
    bytes: Arc<AtomicUsize>,
    /// As many of them are charged. What is held no longer is taken back with the next charge.
    charged: usize,
    /// One folder is read at a time, as what it has is charged afterwards.
    turn: Arc<Semaphore>,
}

/// Bytes of a listing, until they are held no longer.
pub(crate) struct Listed {
    all: Arc<AtomicUsize>,
    bytes: usize,
}

// === impl Listings ===

impl Listings {
    pub(crate) fn new() -> Self {
        Self {
            bytes: Arc::default(),
            charged: 0,
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// What reads a folder waits for.
    pub(crate) fn turn(&self) -> Arc<Semaphore> {
        self.turn.clone()
    }

    /// Charges bytes of a listing that was read.
    ///
    /// # Errors
    ///
    /// [`OverBudget`], and then the listing is not to be kept.
    pub(crate) fn hold(&mut self, bytes: usize, budget: &mut Budget) -> Result<Listed, OverBudget> {
        self.settle(budget);
        budget.charge(bytes)?;
        self.charged += bytes;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(Listed {
            all: self.bytes.clone(),
            bytes,
        })
    }

    /// Takes back what is charged and held no longer.
    pub(crate) fn settle(&mut self, budget: &mut Budget) {
        let held = self.bytes.load(Ordering::Relaxed);
        budget.refund(self.charged.saturating_sub(held));
        self.charged = held;
    }
}

// === impl Listed ===

impl Drop for Listed {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_charged_until_it_is_dropped() {
        let mut budget = Budget::new(100);
        let mut listings = Listings::new();
        let first = listings.hold(60, &mut budget).unwrap();
        assert!(listings.hold(60, &mut budget).is_err());
        drop(first);
        let second = listings.hold(60, &mut budget).unwrap();
        assert_eq!(budget.remaining(), 40);
        drop(second);
        listings.settle(&mut budget);
        assert_eq!(budget.remaining(), 100);
    }
}
