//! Counters of a trigger, which only grow.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a trigger has done since it started. Read at any time by [`Counters::read`].
#[derive(Debug, Default)]
pub struct Counters {
    delivered: AtomicU64,
    retried: AtomicU64,
    dead: AtomicU64,
    gaps: AtomicU64,
    coalesced: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Deliveries that the component ended well.
    pub delivered: u64,
    /// Deliveries that failed and were tried again.
    pub retried: u64,
    /// Events that went to the dead letters.
    pub dead: u64,
    /// Times that events were missed, an unknown number each time.
    pub gaps: u64,
    /// Changes that the store coalesced with a later one of the same key.
    pub coalesced: u64,
}

// === impl Counters ===

impl Counters {
    /// The counters as they are now.
    pub fn read(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            delivered: read(&self.delivered),
            retried: read(&self.retried),
            dead: read(&self.dead),
            gaps: read(&self.gaps),
            coalesced: read(&self.coalesced),
        }
    }

    pub(crate) fn delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn retried(&self) {
        self.retried.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn dead(&self) {
        self.dead.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn gap(&self) {
        self.gaps.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn coalesced(&self, more: u64) {
        self.coalesced.fetch_add(more, Ordering::Relaxed);
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            delivered,
            retried,
            dead,
            gaps,
            coalesced,
        } = self;
        write!(
            f,
            "{delivered} delivered, {retried} retried, {dead} dead, {gaps} gaps, {coalesced} coalesced"
        )
    }
}
