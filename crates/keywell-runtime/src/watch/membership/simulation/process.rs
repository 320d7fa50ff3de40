//! A process in simulated time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::member::Member;
use super::super::record::Record;

pub(super) const LEASE: Duration = Duration::from_millis(600);

/// A process with one member, and what its owner does with the partitions.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is true or not by itself"
)]
pub(super) struct Process {
    pub(super) member: Member<u64>,
    /// Partitions whose events it takes.
    pub(super) taken: BTreeSet<u8>,
    /// Those of them that it is to finish, and whether it has.
    pub(super) draining: BTreeMap<u8, bool>,
    pub(super) is_alive: bool,
    pub(super) paused_until: Duration,
    /// Since when nothing went wrong for it.
    pub(super) healthy_since: Duration,
    pub(super) is_watching: bool,
    pub(super) has_begun: bool,
    pub(super) is_departing: bool,
    /// Whether it shows others by a lock file that it lives.
    pub(super) is_local: bool,
    pub(super) rate: f64,
    pub(super) offset: Duration,
    /// The request under way. Answers to others come too late.
    pub(super) request: u64,
    /// Changes of the record that it has yet to see.
    pub(super) changes: VecDeque<Option<Arc<Record>>>,
    /// Until then messages to and from it are lost.
    pub(super) cut_until: Duration,
    /// When the latest change of the record that was sent to it arrives.
    pub(super) changes_until: Duration,
    pub(super) wake_at: Option<Duration>,
}

// === impl Process ===

impl Process {
    /// Its clock's time.
    pub(super) fn clock(&self, base: Instant, now: Duration) -> Instant {
        base + self.offset + now.mul_f64(self.rate)
    }
}
