//! Partitions whose events are there once.
//!
//! - The owner gives a partition away at once, and holds it until the record names another owner, so
//!   that none is without a taker unless its owner expires.
//! - A partition whose events no member took for a while is marked in the record. The next owner
//!   takes the mark off and learns of it, also if the answer to its swap was lost.

use std::collections::BTreeSet;

use super::super::defect::{Defect, Planted};
use super::super::planned::Planned;
use super::Ownership;
use crate::watch::membership::messages::{Assignment, Workload};
use crate::watch::membership::record::Record;

#[derive(Debug, Default)]
pub(in super::super) struct Overlapping {
    /// Those that are owned, and those offered.
    held: BTreeSet<u8>,
    /// Those of them that are to be offered with the next renewal.
    surplus: BTreeSet<u8>,
    /// Those of them that were given away, and are not known to be another's.
    offered: BTreeSet<u8>,
    /// What a swap without an answer took the marks off, if it was done.
    adopted: BTreeSet<u8>,
    /// Whether a swap without an answer may have claimed partitions.
    may_have_claimed: bool,
    planted: Planted,
}

// === impl Overlapping ===

impl Overlapping {
    pub(in super::super) fn new(planted: Planted) -> Self {
        Self {
            planted,
            ..Self::default()
        }
    }
}

impl Ownership for Overlapping {
    fn held(&self) -> &BTreeSet<u8> {
        &self.held
    }

    fn held_mut(&mut self) -> &mut BTreeSet<u8> {
        &mut self.held
    }

    fn loses_events(&self) -> bool {
        true
    }

    fn to_release(&self, _: &Workload) -> BTreeSet<u8> {
        self.surplus.clone()
    }

    fn renew(&self, record: &mut Record, member: &str, released: &BTreeSet<u8>) -> Planned {
        // Marks that a swap without an answer took off, and whose owner does not know of it yet.
        record.orphan(&self.adopted & &record.owned_by(member));
        record.release(member, released);
        let surplus = record.claim(member);
        let owned = record.owned_by(member);
        let orphaned = record.adopt_orphaned(member);
        let mut given = &(&self.offered | released) - &owned;
        if self.planted.has(Defect::GivesUpEarly) {
            given.clear();
        }
        let is_handed_over = |given: &u8| record.owner(*given).is_some();
        let (handed_over, offered) = given.into_iter().partition(is_handed_over);
        Planned {
            owned,
            surplus,
            orphaned,
            offered,
            handed_over,
            evicted: BTreeSet::new(),
        }
    }

    fn assign(&mut self, planned: Planned, _: &BTreeSet<u8>, was_evicted: bool) -> Assignment {
        let Planned {
            owned,
            surplus,
            orphaned,
            offered,
            handed_over,
            evicted,
        } = planned;
        self.may_have_claimed = false;
        let before = std::mem::take(&mut self.held);
        let kept = if was_evicted {
            BTreeSet::new()
        } else {
            before.clone()
        };
        let stays = |held: &u8| {
            owned.contains(held) || offered.contains(held) || handed_over.contains(held)
        };
        let lost = before.into_iter();
        let lost = lost.filter(|held| was_evicted || !stays(held));
        let assignment = Assignment {
            was_evicted,
            evicted,
            lost: lost.collect(),
            draining: BTreeSet::new(),
            acquired: &owned - &kept,
            orphaned: &(&orphaned | &std::mem::take(&mut self.adopted)) & &owned,
            handed_over: &handed_over & &kept,
        };
        self.offered = if was_evicted {
            BTreeSet::new()
        } else {
            offered
        };
        self.held = &owned | &self.offered;
        self.surplus = surplus;
        assignment
    }

    fn lost_answer(&mut self, planned: &Planned) {
        self.may_have_claimed = self.is_claiming(Some(planned));
        self.adopted.extend(&planned.orphaned);
    }

    fn is_claiming(&self, planned: Option<&Planned>) -> bool {
        if self.planted.has(Defect::HidesClaims) {
            return false;
        }
        planned.map_or(self.may_have_claimed, |planned| {
            !planned.owned.is_subset(&self.held)
        })
    }

    fn has_surplus(&self) -> bool {
        !self.surplus.is_empty()
    }

    fn resign(&self, record: &mut Record, member: &str) {
        let unknown = &record.owned_by(member) - &self.held;
        record.orphan(&unknown | &self.adopted);
    }

    fn offer_all(&mut self) {
        self.offered = self.held.clone();
    }

    fn hand_over(&mut self, is_taken: &dyn Fn(u8) -> bool) -> BTreeSet<u8> {
        let offered = std::mem::take(&mut self.offered);
        let (taken, offered): (BTreeSet<u8>, BTreeSet<u8>) = offered
            .into_iter()
            .partition(|partition| is_taken(*partition));
        self.offered = offered;
        self.held.retain(|held| !taken.contains(held));
        taken
    }

    fn give_up(&mut self) -> BTreeSet<u8> {
        self.offered.clear();
        std::mem::take(&mut self.held)
    }

    #[cfg(test)]
    fn gives_away(&self, partition: u8) -> bool {
        self.offered.contains(&partition) || self.surplus.contains(&partition)
    }
}
