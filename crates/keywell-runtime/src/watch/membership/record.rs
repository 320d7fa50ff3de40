//! The record that the members of a group have in common, and what it promises.
//!
//! - One partition has at most one owner, and every owner is a member of the record.
//! - Every partition that is free, or owned by a member beyond its fair share, can be seen from the
//!   record alone, the same by every member.
//! - Its JSON is stored, and outlives releases: what an earlier release wrote is read, and the names
//!   of its fields never change.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::partition::PARTITIONS;

/// The members of a group, and who owns which partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Each member's heartbeat: a number that no two writes of one member have in common.
    #[serde(rename = "members")]
    heartbeats: BTreeMap<String, u64>,
    /// The owner of each partition that is not free.
    owners: BTreeMap<u8, String>,
    /// What the group is for: a digest that all members have in common.
    #[serde(default, rename = "about")]
    purpose: String,
    /// Whether a process with another purpose asks for a heartbeat. The first member that renews
    /// its lease clears it.
    #[serde(
        default,
        rename = "is_asked",
        skip_serializing_if = "std::ops::Not::not"
    )]
    is_probed: bool,
    /// Partitions whose events were lost for a while, because their owner expired or was the last.
    #[serde(
        default,
        rename = "orphans",
        skip_serializing_if = "BTreeSet::is_empty"
    )]
    orphaned: BTreeSet<u8>,
}

// === impl Record ===

impl Record {
    pub(crate) fn heartbeats(&self) -> &BTreeMap<String, u64> {
        &self.heartbeats
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &String> {
        self.heartbeats.keys()
    }

    pub(crate) fn has_member(&self, member: &str) -> bool {
        self.heartbeats.contains_key(member)
    }

    pub(crate) fn has_others(&self, member: &str) -> bool {
        self.members().any(|other| other != member)
    }

    pub(crate) fn purpose(&self) -> &str {
        &self.purpose
    }

    pub(crate) fn owner(&self, partition: u8) -> Option<&str> {
        self.owners.get(&partition).map(String::as_str)
    }

    pub(crate) fn owned_by(&self, member: &str) -> BTreeSet<u8> {
        let owned = self.owners.iter().filter(|(_, owner)| *owner == member);
        owned.map(|(partition, _)| *partition).collect()
    }

    /// Whether a member should renew its lease because of this record: a process asks for a
    /// heartbeat, the member was evicted, another is new to it, or there are free partitions that it
    /// is due.
    pub(crate) fn concerns(&self, member: &str, knows: impl Fn(&str) -> bool) -> bool {
        let is_new = |other: &String| other != member && !knows(other);
        let has_free = self.owners.len() < usize::from(PARTITIONS);
        self.is_probed
            || !self.has_member(member)
            || self.members().any(is_new)
            || (has_free && self.owned_by(member).len() < self.fair_share(member))
    }

    /// Asks the members for a heartbeat.
    pub(crate) fn probe(&mut self) {
        self.is_probed = true;
    }

    /// Removes members, and frees their partitions. `are_lost` marks these as orphaned.
    pub(crate) fn evict(&mut self, members: &BTreeSet<String>, are_lost: bool) {
        if are_lost {
            let lost = self.owners.iter();
            let lost = lost.filter(|(_, owner)| members.contains(*owner));
            self.orphaned.extend(lost.map(|(partition, _)| *partition));
        }
        self.heartbeats
            .retain(|member, _| !members.contains(member));
        let heartbeats = &self.heartbeats;
        self.owners
            .retain(|partition, owner| *partition < PARTITIONS && heartbeats.contains_key(owner));
    }

    /// Marks partitions as orphaned.
    pub(crate) fn orphan(&mut self, partitions: impl IntoIterator<Item = u8>) {
        self.orphaned.extend(partitions);
    }

    /// Makes a process a member, or keeps it one, with a new heartbeat that is above `past`.
    /// Returns the heartbeat.
    pub(crate) fn renew(&mut self, member: &str, purpose: &str, past: u64) -> u64 {
        purpose.clone_into(&mut self.purpose);
        self.is_probed = false;
        let heartbeat = self.heartbeats.entry(member.to_owned()).or_default();
        *heartbeat = past.max(*heartbeat).saturating_add(1);
        *heartbeat
    }

    /// Frees partitions of a member.
    pub(crate) fn release(&mut self, member: &str, partitions: &BTreeSet<u8>) {
        self.owners
            .retain(|partition, owner| owner != member || !partitions.contains(partition));
    }

    /// Gives a member free partitions, up to its fair share. Returns those it owns beyond that.
    pub(crate) fn claim(&mut self, member: &str) -> BTreeSet<u8> {
        let due = self.fair_share(member);
        let owned = self.owned_by(member);
        let free = (0..PARTITIONS).filter(|partition| !self.owners.contains_key(partition));
        let missing = due.saturating_sub(owned.len());
        let claimed: Vec<u8> = free.take(missing).collect();
        for partition in claimed {
            self.owners.insert(partition, member.to_owned());
        }
        owned.into_iter().skip(due).collect()
    }

    /// Takes the marks off orphaned partitions of a member. Returns which they were.
    pub(crate) fn adopt_orphaned(&mut self, member: &str) -> BTreeSet<u8> {
        let owned = self.owned_by(member);
        let adopted = &owned & &self.orphaned;
        self.orphaned
            .retain(|partition| !adopted.contains(partition));
        adopted
    }

    /// Removes a member that leaves, and frees its partitions.
    pub(crate) fn leave(&mut self, member: &str) {
        self.heartbeats.remove(member);
        self.owners.retain(|_, owner| owner != member);
    }

    /// How many partitions a member is due.
    fn fair_share(&self, member: &str) -> usize {
        let (all, members) = (usize::from(PARTITIONS), self.heartbeats.len().max(1));
        let rank = self.members().position(|other| other == member);
        all / members + usize::from(rank.is_some_and(|rank| rank < all % members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Keywell 0.1 wrote it.
    const STORED: &str = r#"{"members":{"00000000000000aa":7,"00000000000000bb":3},"owners":{"0":"00000000000000aa","15":"00000000000000bb"},"about":"0123456789abcdef","is_asked":true,"orphans":[3,4]}"#;

    #[test]
    fn a_record_of_an_earlier_release_is_read_and_written_back_as_it_was() {
        let record: Record = serde_json::from_str(STORED).unwrap();
        assert_eq!(record.heartbeats()["00000000000000aa"], 7);
        assert_eq!(record.owner(15), Some("00000000000000bb"));
        assert_eq!(record.purpose(), "0123456789abcdef");
        assert!(record.is_probed);
        assert_eq!(record.orphaned, [3, 4].into());
        assert_eq!(serde_json::to_string(&record).unwrap(), STORED);
    }

    #[test]
    fn fields_that_the_first_record_lacked_may_be_absent() {
        let stored = r#"{"members":{"aa":1},"owners":{"0":"aa"}}"#;
        let record: Record = serde_json::from_str(stored).unwrap();
        assert_eq!(record.owned_by("aa"), [0].into());
        assert_eq!((record.purpose(), record.is_probed), ("", false));
        let written = serde_json::to_string(&record).unwrap();
        assert_eq!(
            written,
            r#"{"members":{"aa":1},"owners":{"0":"aa"},"about":""}"#
        );
    }

    #[test]
    fn a_heartbeat_is_never_used_twice() {
        let mut record = Record::default();
        let first = record.renew("a", "p", 0);
        record.evict(&["a".to_owned()].into(), false);
        assert!(record.renew("a", "p", first) > first);
    }

    #[test]
    fn free_partitions_are_claimed_up_to_the_fair_share() {
        let mut record = Record::default();
        record.renew("a", "p", 0);
        assert!(record.claim("a").is_empty());
        assert_eq!(record.owned_by("a").len(), 16);
        record.renew("b", "p", 0);
        assert!(record.claim("b").is_empty());
        let surplus = record.claim("a");
        assert_eq!(surplus, (8..16).collect());
        record.release("a", &surplus);
        record.claim("b");
        assert_eq!(record.owned_by("b"), surplus);
    }
}
