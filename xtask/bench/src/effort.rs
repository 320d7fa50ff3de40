use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Effort {
    /// How often each thing is measured; the median counts.
    pub(crate) rounds: usize,
    /// How long one measurement of a call takes, about.
    pub(crate) call: Duration,
    /// How long a load lasts.
    pub(crate) load: Duration,
    /// The most keys in a store.
    pub(crate) keys: u32,
    /// How often a program is started.
    pub(crate) starts: usize,
    /// How many idle instances are held.
    pub(crate) idle: usize,
}

// === impl Effort ===

impl Effort {
    /// Whether everything works; its figures mean nothing.
    pub(crate) const QUICK: Self = Self {
        rounds: 1,
        call: Duration::from_millis(2),
        load: Duration::from_millis(200),
        keys: 10_000,
        starts: 1,
        idle: 10,
    };
    /// A quarter of an hour at most, on a machine of two cores.
    pub(crate) const USUAL: Self = Self {
        rounds: 5,
        call: Duration::from_millis(100),
        load: Duration::from_secs(2),
        keys: 1_000_000,
        starts: 15,
        idle: 200,
    };
    /// With ten million keys on disk.
    pub(crate) const FULL: Self = Self {
        keys: 10_000_000,
        ..Self::USUAL
    };

    /// Whether figures mean anything.
    pub(crate) fn is_worth_reading(self) -> bool {
        self.load >= Self::USUAL.load
    }

    /// Rounds of what grows, where many points count for more than each of them.
    pub(crate) fn rounds_a_point(self) -> usize {
        self.rounds.min(3)
    }
}
