//! The other members of the group, as one member sees them.
//!
//! A member expires once its heartbeat stood still for a whole lease by the clock of the one that
//! looks, or as soon as this one knows that its process has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::defect::{Defect, Planted};
use crate::watch::membership::record::Record;

#[derive(Debug)]
pub(super) struct Peers {
    heartbeats: BTreeMap<String, Heartbeat>,
    /// Members that are known to have ended.
    ended: BTreeSet<String>,
    planted: Planted,
}

#[derive(Debug)]
struct Heartbeat {
    number: u64,
    since: Instant,
}

// === impl Peers ===

impl Peers {
    pub(super) fn new(planted: Planted) -> Self {
        Self {
            heartbeats: BTreeMap::new(),
            ended: BTreeSet::new(),
            planted,
        }
    }

    pub(super) fn knows(&self, member: &str) -> bool {
        self.heartbeats.contains_key(member)
    }

    /// Takes note of members whose processes have ended.
    pub(super) fn note_ended(&mut self, members: BTreeSet<String>) {
        self.ended.extend(members);
    }

    /// Takes note of the heartbeats of a record, and returns the members that have expired.
    pub(super) fn expired(
        &mut self,
        record: &Record,
        own: &str,
        lease: Duration,
        now: Instant,
    ) -> BTreeSet<String> {
        if self.planted.has(Defect::NeverEvicts) {
            return BTreeSet::new();
        }
        self.heartbeats
            .retain(|member, _| record.has_member(member));
        self.ended.retain(|member| record.has_member(member));
        let mut expired = BTreeSet::new();
        for (member, number) in record.heartbeats() {
            if member == own {
                continue;
            }
            let new = || Heartbeat {
                number: *number,
                since: now,
            };
            let seen = self.heartbeats.entry(member.clone()).or_insert_with(new);
            if seen.number != *number {
                *seen = new();
            }
            let silent = now.saturating_duration_since(seen.since);
            if silent > lease || self.ended.contains(member) {
                expired.insert(member.clone());
            }
        }
        expired
    }
}
