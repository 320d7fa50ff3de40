use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use crate::answers::Answers;

/// How many bytes a host may hold for one instance, beside the instance's own memory, and how many
/// it holds.
///
/// [`Keyvalue`](crate::Keyvalue) charges the snapshots of `cas` handles, outgoing and incoming
/// values and writes in flight, and bounds every answer of a store by what is left. Hosts charge
/// what else they hold: HTTP bodies, header fields. What is charged counts in the [`TotalMemory`]
/// too, if there is one, until it is refunded or the budget is dropped.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    charged: Charged,
    total: Option<Arc<TotalMemory>>,
    /// Made when a task first waits for an answer.
    answers: Option<Answers>,
}

/// How many bytes are charged. The count is shared from the first [`Charge`] on.
#[derive(Debug)]
enum Charged {
    Alone(usize),
    Shared(Arc<Account>),
}

#[derive(Debug)]
struct Account {
    limit: usize,
    charged: AtomicUsize,
    total: OnceLock<Arc<TotalMemory>>,
}

/// Bytes of a [`Budget`] that are charged until this is dropped.
///
/// It is for what leaves the reach of the budget, as a stream does in the table of `wasi:io`.
#[derive(Debug)]
pub struct Charge {
    account: Arc<Account>,
    bytes: usize,
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
            charged: Charged::Alone(0),
            total: None,
            answers: None,
        }
    }

    /// The same budget, counted in a total.
    #[must_use]
    pub fn counted_in(mut self, total: Arc<TotalMemory>) -> Self {
        total.charge_anyway(self.charged());
        if let Charged::Shared(account) = &self.charged {
            // Of two totals the first counts.
            let _ = account.total.set(total.clone());
        }
        self.total = Some(total);
        self
    }

    /// The budget, in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How many bytes of it are left.
    pub fn remaining(&self) -> usize {
        self.limit.saturating_sub(self.charged())
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
        self.add(bytes);
        Ok(())
    }

    /// Charges bytes that the host holds already.
    pub fn charge_anyway(&mut self, bytes: usize) {
        if let Some(total) = &self.total {
            total.charge_anyway(bytes);
        }
        self.add(bytes);
    }

    /// Takes back what was charged for bytes that the host no longer holds.
    pub fn refund(&mut self, bytes: usize) {
        match &mut self.charged {
            Charged::Alone(charged) => {
                let bytes = bytes.min(*charged);
                *charged -= bytes;
                if let Some(total) = &self.total {
                    total.refund(bytes);
                }
            }
            Charged::Shared(account) => account.refund(bytes),
        }
    }

    /// Charges bytes for as long as the answer lives, or this budget.
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<Charge, OverBudget> {
        let mut charge = self.hold_nothing();
        charge.add(bytes)?;
        Ok(charge)
    }

    /// A charge of no bytes, to which they are added as they come.
    pub fn hold_nothing(&mut self) -> Charge {
        Charge {
            account: self.share(),
            bytes: 0,
        }
    }

    /// The answers that tasks of the instance wait for: as many bytes together as the budget has.
    pub(crate) fn answers(&mut self) -> &Answers {
        self.answers.get_or_insert_with(|| Answers::new(self.limit))
    }

    fn charged(&self) -> usize {
        match &self.charged {
            Charged::Alone(charged) => *charged,
            Charged::Shared(account) => account.charged.load(Ordering::Relaxed),
        }
    }

    fn add(&mut self, bytes: usize) {
        match &mut self.charged {
            Charged::Alone(charged) => *charged = charged.saturating_add(bytes),
            Charged::Shared(account) => account.add(bytes),
        }
    }

    fn share(&mut self) -> Arc<Account> {
        if let Charged::Shared(account) = &self.charged {
            return account.clone();
        }
        let account = Arc::new(Account {
            limit: self.limit,
            charged: AtomicUsize::new(self.charged()),
            total: self
                .total
                .clone()
                .map_or_else(OnceLock::new, OnceLock::from),
        });
        self.charged = Charged::Shared(account.clone());
        account
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
        self.refund(self.charged());
    }
}

// === impl Account ===

impl Account {
    fn charge(&self, bytes: usize) -> Result<(), OverBudget> {
        // An empty charge fits also where the total is exceeded.
        if bytes == 0 {
            return Ok(());
        }
        let left = self
            .limit
            .saturating_sub(self.charged.load(Ordering::Relaxed));
        if bytes > left {
            return Err(OverBudget::Instance { limit: self.limit });
        }
        if let Some(total) = self.total.get() {
            total.charge(bytes)?;
        }
        self.add(bytes);
        Ok(())
    }

    fn add(&self, bytes: usize) {
        self.charged.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Never more than is charged: a budget that ends before its charges has given all back.
    fn refund(&self, bytes: usize) {
        let less = |charged: usize| Some(charged.saturating_sub(bytes));
        let (Ok(before) | Err(before)) =
            self.charged
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        if let Some(total) = self.total.get() {
            total.refund(bytes.min(before));
        }
    }
}

// === impl Charge ===

impl Charge {
    /// Charges more.
    ///
    /// # Errors
    ///
    /// [`OverBudget`], and nothing is charged.
    pub fn add(&mut self, bytes: usize) -> Result<(), OverBudget> {
        self.account.charge(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Charges more for bytes that the host holds already.
    pub fn add_anyway(&mut self, bytes: usize) {
        if let Some(total) = self.account.total.get() {
            total.charge_anyway(bytes);
        }
        self.account.add(bytes);
        self.bytes += bytes;
    }

    /// So many bytes of it, in another's hands.
    #[must_use]
    pub fn split_to(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self {
            account: self.account.clone(),
            bytes,
        }
    }

    /// How many bytes it is.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// All of it, in another's hands. This one is empty afterwards.
    pub(crate) fn split(&mut self) -> Self {
        Self {
            account: self.account.clone(),
            bytes: std::mem::take(&mut self.bytes),
        }
    }

    /// Gives all of it back now.
    pub(crate) fn release(&mut self) {
        self.account.refund(std::mem::take(&mut self.bytes));
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.release();
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
        // What does not fit is never counted: nothing has to be taken back, which would wake those
        // that wait, the caller among them.
        let more = |charged: usize| {
            let charged = charged.checked_add(bytes)?;
            (charged <= self.limit).then_some(charged)
        };
        let charged = &self.charged;
        let counted = charged.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more);
        match counted {
            Ok(_) => Ok(()),
            Err(_) => Err(OverBudget::Total { limit: self.limit }),
        }
    }

    /// Takes back what was charged.
    pub fn refund(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
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

    #[test]
    fn what_outlives_its_budget_is_given_back_once() {
        let total = Arc::new(TotalMemory::new(100));
        let mut budget = Budget::new(60).counted_in(total.clone());
        budget.charge(10).unwrap();
        let mut held = budget.hold(20).unwrap();
        budget.charge(10).unwrap();
        held.add(15).unwrap();
        assert_eq!((budget.remaining(), total.charged()), (5, 55));
        assert_eq!(held.add(6), Err(OverBudget::Instance { limit: 60 }));
        assert!(budget.hold(6).is_err() && budget.check(6).is_err());
        let other = budget.hold(5).unwrap();
        drop(other);
        let half = held.split_to(20);
        assert_eq!((half.bytes(), held.bytes()), (20, 15));
        drop(half);
        assert_eq!(budget.remaining(), 25);
        held.add_anyway(20);
        budget.refund(20);
        assert_eq!((budget.remaining(), total.charged()), (25, 35));
        drop(budget);
        assert_eq!(total.charged(), 0);
        let mut next = Budget::new(60).counted_in(total.clone());
        next.charge(30).unwrap();
        drop(held);
        assert_eq!(total.charged(), 30);
    }

    #[tokio::test]
    async fn what_is_refunded_is_waited_for_from_the_call_on() {
        let total = TotalMemory::new(10);
        total.charge(10).unwrap();
        let mut freed = Box::pin(total.freed());
        assert!(total.charge(1).is_err());
        total.refund(0);
        assert!(futures::poll!(&mut freed).is_pending());
        total.refund(1);
        freed.await;
        total.charge(1).unwrap();
    }
}
