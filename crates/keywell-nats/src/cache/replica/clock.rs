use super::origin::Origin;

/// When a value was set, in hybrid time. A set that had seen another is later than it. Concurrent sets
/// are ordered by the clocks of their nodes, then by node.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub(crate) struct Stamp {
    /// Microseconds since 1970, or more where a clock stood behind what was seen.
    pub(crate) micros: u64,
    /// Who set it.
    pub(crate) origin: Origin,
}

/// A hybrid clock: follows the time it is given, and never stands behind a stamp it has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    last: u64,
}

// === impl Clock ===

impl Clock {
    /// No clock shows a later time. What does is no stamp of a copy.
    pub(crate) const LATEST: u64 = 1 << 62;

    /// What it shows, if it is given this time.
    pub(crate) fn at(self, now: u64) -> u64 {
        self.last.max(now)
    }

    /// The next stamp, later than every one before.
    pub(crate) fn next(&mut self, now: u64, origin: Origin) -> Stamp {
        self.last = now.max(self.last + 1);
        Stamp {
            micros: self.last,
            origin,
        }
    }

    /// Takes note of a stamp of another node.
    pub(crate) fn see(&mut self, stamp: Stamp) {
        // What is ahead beyond reason is not followed, so that our own stamps stay acceptable.
        if stamp.micros <= Self::LATEST / 2 {
            self.last = self.last.max(stamp.micros);
        }
    }
}
