use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How many bytes a host may hold for one instance, beside the instance's own memory, and how many
/// it holds.
///
/// [`Keyvalue`](crate::Keyvalue) charges the snapshots of `cas` handles and writes in flight, and
/// bounds every answer of a store by what is left. Hosts charge what else they hold: HTTP bodies,
/// header fields. What is charged counts in the [`TotalMemory`] too, if there is one, until it is
/// refunded or the budget is dropped.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    charged: usize,
    total: Option<Arc<TotalMemory>>,
}

/// A bound on the bytes that are charged for all instances of a process together.
#[derive(Debug)]
pub struct TotalMemory {
    limit: usize,
    charged: AtomicUsize,
    /// How many wait for [`TotalMemory::freed`].
    waiting: AtomicUsize,
    freed: Notify,
}

/// Why something was not charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverBudget {
    /// The instance has used its budget.
    #[error(
        "the host holds at most {limit} bytes for an instance, a limit that follows from its memory limit"
    )]
    Instance {
        /// The budget, in bytes.
        limit: usize,
    },
    /// All instances together have used the total.
    #[error("all instances together have used the total memory of {limit} bytes")]
    Total {
        /// The total, in bytes.
        limit: usize,
    },
}

// === impl Budget ===

impl Budget {
    /// A budget of this many bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            charged: 0,
            total: None,
        }
    }

    /// The same budget, counted in a total.
    #[must_use]
    pub fn counted_in(mut self, total: Arc<TotalMemory>) -> Self {
        total.charge_anyway(self.charged);
        self.total = Some(total);
        self
    }

    /// The budget, in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How many bytes of it are left.
    pub fn remaining(&self) -> usize {
        self.limit.saturating_sub(self.charged)
    }

    /// Whether this many bytes could be charged now.
    ///
    /// # Errors
    ///
    /// [`OverBudget`] if not.
    pub fn check(&self, bytes: usize) -> Result<(), OverBudget> {
        if bytes > self.remaining() {
            return Err(OverBudget::Instance { limit: self.limit });
        }
        match &self.total {
            Some(total) => total.check(bytes),
            None => Ok(()),
        }
    }

    /// Charges bytes that the host is about to hold.
    ///
    /// # Errors
    ///
    /// [`OverBudget`], and nothing is charged.
    pub fn charge(&mut self, bytes: usize) -> Result<(), OverBudget> {
        if bytes > self.remaining() {
            return Err(OverBudget::Instance { limit: self.limit });
        }
        if let Some(total) = &self.total {
            total.charge(bytes)?;
        }
        self.charged += bytes;
        Ok(())
    }

    /// Charges bytes that the host holds already.
    pub fn charge_anyway(&mut self, bytes: usize) {
        if let Some(total) = &self.total {
            total.charge_anyway(bytes);
        }
        self.charged = self.charged.saturating_add(bytes);
    }

    /// Takes back what was charged for bytes that the host no longer holds.
    pub fn refund(&mut self, bytes: usize) {
        let bytes = bytes.min(self.charged);
        self.charged -= bytes;
        if let Some(total) = &self.total {
            total.refund(bytes);
        }
    }
}

impl Default for Budget {
    /// 256 MiB, in no total.
    fn default() -> Self {
        Self::new(256 << 20)
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        self.refund(self.charged);
    }
}

// === impl TotalMemory ===

impl TotalMemory {
    /// A total of this many bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            charged: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            freed: Notify::new(),
        }
    }

    /// The total, in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How many bytes are charged.
    pub fn charged(&self) -> usize {
        self.charged.load(Ordering::Relaxed)
    }

    /// Charges bytes.
    ///
    /// # Errors
    ///
    /// [`OverBudget::Total`], and nothing is charged.
    pub fn charge(&self, bytes: usize) -> Result<(), OverBudget> {
        let before = self.charged.fetch_add(bytes, Ordering::SeqCst);
        if before.saturating_add(bytes) <= self.limit {
            return Ok(());
        }
        self.refund(bytes);
        Err(OverBudget::Total { limit: self.limit })
    }

    /// Takes back what was charged.
    pub fn refund(&self, bytes: usize) {
        // One order with `freed`, which first says that it waits: either the charge that is tried
        // behind that finds these bytes, or this finds who waits.
        self.charged.fetch_sub(bytes, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.freed.notify_waiters();
        }
    }

    /// Waits until something is refunded, from this call on, not from the first poll.
    pub fn freed(&self) -> impl Future<Output = ()> + Send + '_ {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let waiting = Waiting(&self.waiting);
        let mut freed = Box::pin(self.freed.notified());
        freed.as_mut().enable();
        async move {
            freed.await;
            drop(waiting);
        }
    }

    fn check(&self, bytes: usize) -> Result<(), OverBudget> {
        if self.charged().saturating_add(bytes) > self.limit {
            return Err(OverBudget::Total { limit: self.limit });
        }
        Ok(())
    }

    fn charge_anyway(&self, bytes: usize) {
        self.charged.fetch_add(bytes, Ordering::Relaxed);
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_instance_holds_is_bounded_and_given_back_when_it_ends() {
        let total = Arc::new(TotalMemory::new(100));
        let mut one = Budget::new(60).counted_in(total.clone());
        let mut other = Budget::new(60).counted_in(total.clone());
        one.charge(50).unwrap();
        assert_eq!(one.charge(11), Err(OverBudget::Instance { limit: 60 }));
        assert_eq!(other.check(51), Err(OverBudget::Total { limit: 100 }));
        assert_eq!(other.charge(51), Err(OverBudget::Total { limit: 100 }));
        other.charge(50).unwrap();
        assert_eq!((one.remaining(), total.charged()), (10, 100));
        one.refund(20);
        other.charge(10).unwrap();
        drop(other);
        assert_eq!(total.charged(), 30);
        drop(one);
        assert_eq!(total.charged(), 0);
    }

    #[tokio::test]
    async fn what_is_refunded_is_waited_for_from_the_call_on() {
        let total = TotalMemory::new(10);
        total.charge(10).unwrap();
        let freed = total.freed();
        assert!(total.charge(1).is_err());
        total.refund(1);
        freed.await;
        total.charge(1).unwrap();
    }
}
