//! Partitions whose events can be read again from a stored position.
//!
//! The owner finishes what it has of a partition, and only then releases it: no two members hold one
//! while the leases of both are valid.

use std::collections::BTreeSet;

use super::super::defect::{Defect, Planted};
use super::super::planned::Planned;
use super::Ownership;
use crate::watch::membership::messages::{Assignment, Workload};
use crate::watch::membership::record::Record;

#[derive(Debug, Default)]
pub(in super::super) struct Resumable {
    held: BTreeSet<u8>,
    /// Those of them that the owner is to finish.
    draining: BTreeSet<u8>,
    planted: Planted,
}

// === impl Resumable ===

impl Resumable {
    pub(in super::super) fn new(planted: Planted) -> Self {
        Self {
            planted,
            ..Self::default()
        }
    }
}

impl Ownership for Resumable {
    fn held(&self) -> &BTreeSet<u8> {
        &self.held
    }

    fn held_mut(&mut self) -> &mut BTreeSet<u8> {
        &mut self.held
    }

    fn loses_events(&self) -> bool {
        false
    }

    fn to_release(&self, workload: &Workload) -> BTreeSet<u8> {
        if self.planted.has(Defect::ReleasesEarly) {
            return self.draining.clone();
        }
        &workload.drained & &self.draining
    }

    fn renew(&self, record: &mut Record, member: &str, released: &BTreeSet<u8>) -> Planned {
        record.release(member, released);
        let surplus = record.claim(member);
        Planned {
            owned: record.owned_by(member),
            surplus,
            orphaned: record.adopt_orphaned(member),
            ..Planned::default()
        }
    }

    fn assign(
        &mut self,
        planned: Planned,
        released: &BTreeSet<u8>,
        was_evicted: bool,
    ) -> Assignment {
        let Planned {
            owned,
            surplus,
            orphaned,
            evicted,
            ..
        } = planned;
        let before = std::mem::replace(&mut self.held, owned.clone());
        let kept = if was_evicted {
            BTreeSet::new()
        } else {
            &before - released
        };
        self.draining.retain(|held| kept.contains(held));
        self.draining.extend(&surplus);
        self.draining.retain(|held| owned.contains(held));
        let lost = before.into_iter();
        let lost = lost.filter(|held| was_evicted || !owned.contains(held));
        Assignment {
            was_evicted,
            evicted,
            lost: lost.collect(),
            draining: surplus,
            acquired: &owned - &kept,
            orphaned,
            handed_over: BTreeSet::new(),
        }
    }

    fn is_draining(&self) -> bool {
        !self.draining.is_empty()
    }
}
