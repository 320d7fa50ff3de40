use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::watch::membership::group::PARTITIONS;

/// Who shares a trigger's events, and who has which share.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Each member's count.
    pub(crate) members: BTreeMap<String, u64>,
    /// Who holds each share.
    pub(crate) owners: BTreeMap<u8, String>,
    /// What the members are about, which is the same for all.
    #[serde(default)]
    pub(crate) about: String,
    /// Whether somebody who is about something else asks whether any member lives. The first one
    /// that renews takes it away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_asked: bool,
    /// Shares whose events nobody took for a while, because their owner died or was the last.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) orphans: BTreeSet<u8>,
}

// === impl Record ===

impl Record {
    pub(crate) fn held_by(&self, member: &str) -> Vec<u8> {
        let held = self.owners.iter().filter(|(_, owner)| *owner == member);
        held.map(|(share, _)| *share).collect()
    }

    /// Takes free shares up to what is due, and answers what is held beyond it.
    pub(crate) fn claim(&mut self, member: &str) -> Vec<u8> {
        let due = self.due(member);
        let mut held = self.held_by(member);
        for share in 0..PARTITIONS {
            if held.len() >= due {
                break;
            }
            self.owners.entry(share).or_insert_with(|| {
                held.push(share);
                member.to_owned()
            });
        }
        held.split_off(due.min(held.len()))
    }

    /// Whether it is a reason for a member to renew: somebody asks for it, it was left out, there are members that it does
    /// not know, or shares for it to take.
    pub(crate) fn concerns(&self, member: &str, is_known: impl Fn(&str) -> bool) -> bool {
        let is_strange = |other: &String| other != member && !is_known(other);
        let has_free = self.owners.len() < usize::from(PARTITIONS);
        self.is_asked
            || !self.members.contains_key(member)
            || self.members.keys().any(is_strange)
            || (has_free && self.held_by(member).len() < self.due(member))
    }

    /// How many shares a member is to hold.
    fn due(&self, member: &str) -> usize {
        let (all, members) = (usize::from(PARTITIONS), self.members.len().max(1));
        let rank = self.members.keys().position(|other| other == member);
        all / members + usize::from(rank.is_some_and(|rank| rank < all % members))
    }
}
