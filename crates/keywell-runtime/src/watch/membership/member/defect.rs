//! The defects that the simulation plants, so that it proves that it finds them.

/// What can be wrong with a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// A lease is valid for longer than it takes to be evicted.
    LongValidity,
    /// A swap without an answer counts as done.
    IgnoresLostSwap,
    /// The heartbeat begins at 1 after an eviction, and may be one that others have seen.
    RepeatsHeartbeats,
    /// A member that was evicted keeps what it had.
    IgnoresEviction,
    /// No member is ever evicted.
    NeverEvicts,
    /// What is given away is given up at once, though events are there once.
    GivesUpEarly,
    /// Events are taken while a claim is under way, though they may be this member's.
    HidesClaims,
    /// Partitions are released before the owner has finished them.
    ReleasesEarly,
}

/// The defect of a member. Outside of tests there is none, and the code for it is left out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Planted {
    #[cfg(test)]
    defect: Option<Defect>,
}

// === impl Planted ===

impl Planted {
    #[cfg(test)]
    pub(super) fn new(defect: Option<Defect>) -> Self {
        Self { defect }
    }

    #[cfg(test)]
    pub(super) fn has(self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "as in tests")]
    pub(super) fn has(self, _: Defect) -> bool {
        false
    }
}
