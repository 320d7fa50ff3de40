//! The partitions that a member holds, and how they change hands: a strategy a file.
//!
//! - What a strategy writes into a record holds for the owner only once the record is written
//!   ([`assign`](Ownership::assign)).
//! - A member claims no more than its fair share, and only partitions without an owner.

mod overlapping;
mod resumable;

use std::collections::BTreeSet;
use std::fmt::Debug;

pub(super) use self::overlapping::Overlapping;
pub(super) use self::resumable::Resumable;
use super::planned::Planned;
use crate::watch::membership::messages::{Assignment, Workload};
use crate::watch::membership::record::Record;

/// The partitions of a member. What a strategy does not need does nothing.
pub(super) trait Ownership: Debug + Send + Sync {
    /// The partitions whose events the owner takes.
    fn held(&self) -> &BTreeSet<u8>;

    /// As [`held`](Self::held), to take note that the owner does not have some of them.
    fn held_mut(&mut self) -> &mut BTreeSet<u8>;

    /// Whether the events of a partition are lost that no member holds.
    fn loses_events(&self) -> bool;

    /// What the next renewal gives away.
    fn to_release(&self, workload: &Workload) -> BTreeSet<u8>;

    /// Writes into a record what a member has after its renewal: without what it releases, with what
    /// it claims up to its fair share.
    fn renew(&self, record: &mut Record, member: &str, released: &BTreeSet<u8>) -> Planned;

    /// Takes note that a renewal was written, and returns what it changed for the owner.
    fn assign(
        &mut self,
        planned: Planned,
        released: &BTreeSet<u8>,
        was_evicted: bool,
    ) -> Assignment;

    /// Takes note that a swap has no answer, and may have been done.
    fn lost_answer(&mut self, _planned: &Planned) {}

    /// Whether partitions are being taken whose events another member takes until then.
    fn is_claiming(&self, _planned: Option<&Planned>) -> bool {
        false
    }

    /// Whether the owner is to finish partitions before they can be released.
    fn is_draining(&self) -> bool {
        false
    }

    /// Whether the next renewal gives away partitions, whatever the owner does.
    fn has_surplus(&self) -> bool {
        false
    }

    /// Marks in a record what a member that leaves owns and took no events of.
    fn resign(&self, _record: &mut Record, _member: &str) {}

    /// Offers all that is held to other members.
    fn offer_all(&mut self) {}

    /// Gives up offered partitions that another member has by now, and returns these.
    fn hand_over(&mut self, _is_taken: &dyn Fn(u8) -> bool) -> BTreeSet<u8> {
        BTreeSet::new()
    }

    /// Gives up all that is held, and returns it.
    fn give_up(&mut self) -> BTreeSet<u8> {
        std::mem::take(self.held_mut())
    }

    /// Whether a partition is given away, or to be with the next renewal.
    #[cfg(test)]
    fn gives_away(&self, _partition: u8) -> bool {
        false
    }
}
