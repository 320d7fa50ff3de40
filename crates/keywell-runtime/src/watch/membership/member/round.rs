//! A round: the reads and writes of the record that belong together.
//!
//! A round that renews or leaves ends after 64 swaps that writes of other members made fail.

use std::collections::BTreeSet;
use std::time::Instant;

use super::planned::Planned;
use crate::watch::membership::record::Record;

#[derive(Debug)]
pub(super) struct Round {
    pub(super) goal: Goal,
    /// When the read began that the latest swap is based on.
    pub(super) began: Instant,
    tries: u32,
    /// What to give away.
    pub(super) released: BTreeSet<u8>,
    pub(super) stage: Stage,
}

/// What a round is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    Admit,
    Renew,
    Leave,
}

/// How far a round is.
#[derive(Debug)]
pub(super) enum Stage {
    Watching,
    Reading,
    Swapping(Box<(Record, Planned)>),
    /// For a heartbeat of others, before the group is read again.
    Waiting(Instant),
}

// === impl Round ===

impl Round {
    /// The number of tries; each member that writes at the same time makes one fail.
    const TRIES: u32 = 64;

    pub(super) fn new(goal: Goal, now: Instant, released: BTreeSet<u8>) -> Self {
        Self {
            goal,
            began: now,
            tries: 0,
            released,
            stage: Stage::Watching,
        }
    }

    /// Counts a try that another member's write made fail. Whether another is allowed.
    pub(super) fn count_try(&mut self) -> bool {
        self.tries += 1;
        self.goal == Goal::Admit || self.tries < Self::TRIES
    }

    /// What becomes true once the swap under way is written, if one is.
    pub(super) fn planned(&self) -> Option<&Planned> {
        match &self.stage {
            Stage::Swapping(swap) => Some(&swap.1),
            Stage::Watching | Stage::Reading | Stage::Waiting(_) => None,
        }
    }

    /// Until when it waits, if it does.
    pub(super) fn waits_until(&self) -> Option<Instant> {
        match self.stage {
            Stage::Waiting(until) => Some(until),
            Stage::Watching | Stage::Reading | Stage::Swapping(_) => None,
        }
    }
}
