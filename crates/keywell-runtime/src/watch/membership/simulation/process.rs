//! A process in simulated time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;

use super::super::member::Member;
use super::super::messages::Assignment;
use super::super::record::Record;

pub(super) const LEASE: Duration = Duration::from_millis(600);
/// How far the rate of a clock is from 1, at most. Two clocks differ by less than a fifth.
const DRIFT: f64 = 0.08;

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
    pub(super) fn start(member: Member<u64>, now: Duration, rng: &mut StdRng) -> Self {
        Self {
            member,
            taken: BTreeSet::new(),
            draining: BTreeMap::new(),
            is_alive: true,
            paused_until: now,
            healthy_since: now,
            is_watching: false,
            has_begun: false,
            is_departing: false,
            is_local: rng.random_bool(0.3),
            rate: rng.random_range(1.0 - DRIFT..1.0 + DRIFT),
            offset: Duration::from_millis(rng.random_range(0..1_000_000)),
            request: 0,
            changes: VecDeque::new(),
            cut_until: Duration::ZERO,
            changes_until: Duration::ZERO,
            wake_at: None,
        }
    }

    /// Something goes wrong for it until then.
    pub(super) fn mark_unwell(&mut self, until: Duration) {
        self.healthy_since = self.healthy_since.max(until);
    }

    /// Takes and gives up partitions as it is assigned them, but for those that its owner drops.
    /// Returns those that it begins to drain.
    pub(super) fn assign(&mut self, assigned: &Assignment, dropped: &BTreeSet<u8>) -> Vec<u8> {
        for lost in &assigned.lost {
            self.taken.remove(lost);
            self.draining.remove(lost);
        }
        for acquired in &assigned.acquired {
            self.draining.remove(acquired);
            if dropped.contains(acquired) {
                self.taken.remove(acquired);
            } else {
                self.taken.insert(*acquired);
            }
        }
        for handed_over in &assigned.handed_over {
            self.taken.remove(handed_over);
        }
        let mut drains = Vec::new();
        for partition in &assigned.draining {
            if self.taken.contains(partition) && !self.draining.contains_key(partition) {
                self.draining.insert(*partition, false);
                drains.push(*partition);
            }
        }
        drains
    }

    /// Its clock's time.
    pub(super) fn clock(&self, base: Instant, now: Duration) -> Instant {
        base + self.offset + now.mul_f64(self.rate)
    }
}
