use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use keywell_store::{BucketName, StoreId, reserved};
use parking_lot::RwLock;

use crate::budget::Budget;
use crate::clock::Clock;
use crate::expiry::Alarm;
use crate::log::{History, Log};
use crate::padded::Padded;
use crate::stripes::Stripes;
use crate::token::Issuer;

/// A bucket of a [`MemoryStore`](crate::MemoryStore). Its calls are in [`bucket`](crate::bucket).
pub(crate) struct MemoryBucket {
    stripes: Stripes,
    clock: Clock,
    log: Log,
    alarm: Alarm,
    /// Locked exclusively by writers of batches and shared by readers of several keys, so that they
    /// see a batch whole or not at all. Reads and writes of one key do not lock it.
    ///
    /// It is locked before any stripe.
    batches: Padded<RwLock<()>>,
    issuer: Issuer,
    store: StoreId,
    name: BucketName,
    /// Whether watches resume.
    keeps_history: bool,
    /// The scope of cursors.
    scope: String,
    /// Shared with the store.
    closed: Arc<AtomicBool>,
    budget: Option<Arc<Budget>>,
    /// For watches, which outlive the handle that opened them.
    this: Weak<Self>,
}

// === impl MemoryBucket ===

impl MemoryBucket {
    pub(crate) fn new(
        store: StoreId,
        name: &BucketName,
        history: History,
        closed: Arc<AtomicBool>,
        budget: Option<Arc<Budget>>,
    ) -> Arc<Self> {
        let keeps_history = !reserved::is_reserved(name);
        let history = if keeps_history {
            history
        } else {
            history.live()
        };
        Arc::new_cyclic(|this| Self {
            stripes: Stripes::default(),
            clock: Clock::default(),
            log: Log::new(history),
            alarm: Alarm::default(),
            batches: Padded::default(),
            issuer: Issuer::new(),
            store,
            name: name.clone(),
            keeps_history,
            scope: format!("memory/{name}"),
            closed,
            budget,
            this: this.clone(),
        })
    }

    pub(crate) fn stripes(&self) -> &Stripes {
        &self.stripes
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn alarm(&self) -> &Alarm {
        &self.alarm
    }

    pub(crate) fn issuer(&self) -> Issuer {
        self.issuer
    }

    /// The limit that it shares with the other buckets of its store, if there is one.
    pub(crate) fn budget(&self) -> Option<&Budget> {
        self.budget.as_deref()
    }

    /// Whether the bucket has a key that has not expired.
    pub(crate) fn holds_any(&self) -> bool {
        self.stripes
            .iter()
            .any(|stripe| stripe.read().holds_any(|| self.clock.now()))
    }

    pub(crate) fn batches(&self) -> &RwLock<()> {
        &self.batches
    }

    pub(crate) fn store(&self) -> StoreId {
        self.store
    }

    pub(crate) fn name(&self) -> &BucketName {
        &self.name
    }

    /// Whether watches resume.
    pub(crate) fn keeps_history(&self) -> bool {
        self.keeps_history
    }

    /// The scope of cursors.
    pub(crate) fn scope(&self) -> &str {
        &self.scope
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// A reference for a watch.
    pub(crate) fn shared(&self) -> Arc<Self> {
        let this = self.this.upgrade();
        this.expect("the caller holds a reference, so the bucket is not dropped")
    }
}
