//! How a member leaves the group. Once it is out of the record it is never a member again.

use std::time::Instant;

/// How far a member is in leaving the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Member,
    /// It is to leave the record, and to be done by then.
    Departing(Instant),
    /// It has left the record, and others take over until then.
    Departed(Instant),
    /// What comes from now on is for others.
    Gone,
}

// === impl Phase ===

impl Phase {
    /// When it ends by itself, if it does.
    pub(super) fn until(self) -> Option<Instant> {
        match self {
            Self::Departing(until) | Self::Departed(until) => Some(until),
            Self::Member | Self::Gone => None,
        }
    }

    /// Whether the member is out of the record, by its own write.
    pub(super) fn has_left(self) -> bool {
        matches!(self, Self::Departed(_) | Self::Gone)
    }
}
