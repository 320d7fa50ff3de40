//! What a member writes over the record that it read.
//!
//! A function of the record and the time: it changes nothing but what the member knows of heartbeats,
//! and nothing that it plans is true before the record is written.

use std::collections::BTreeSet;
use std::time::Instant;

use super::lease::Lease;
use super::ownership::Ownership;
use super::peers::Peers;
use super::planned::Planned;
use crate::watch::membership::partition::PARTITIONS;
use crate::watch::membership::record::Record;

/// What follows from a record that was read.
pub(super) enum Proposal {
    /// This record is to be written.
    Swap(Box<(Record, Planned)>),
    /// The group has the member's purpose, or no member.
    Admitted,
    /// The group has another purpose, and a member that lives.
    Refused,
    /// It shows later whether a member lives.
    Wait,
}

/// A member, for as long as it decides what to write.
pub(super) struct Proposer<'a> {
    pub(super) name: &'a str,
    pub(super) purpose: &'a str,
    pub(super) lease: &'a mut Lease,
    pub(super) peers: &'a mut Peers,
    pub(super) ownership: &'a dyn Ownership,
}

// === impl Proposer ===

impl Proposer<'_> {
    /// Admits the member where the group has its purpose. Members with another purpose are waited
    /// for, until one of them renews, by which the record is not as it was `probed`, or all of them
    /// are evicted.
    pub(super) fn admit(
        mut self,
        now: Instant,
        mut record: Record,
        probed: Option<&Record>,
    ) -> Proposal {
        let is_free = record.members().next().is_none();
        if record.purpose() == self.purpose || is_free {
            return Proposal::Admitted;
        }
        let is_alive = |before: &Record| {
            let mut heartbeats = record.heartbeats().iter();
            heartbeats.any(|(member, number)| before.heartbeats().get(member) != Some(number))
        };
        if probed.is_some_and(is_alive) {
            return Proposal::Refused;
        }
        let evicted = self.evict(&mut record, now);
        if probed.is_some() && evicted.is_empty() {
            return Proposal::Wait;
        }
        // Members that are alone and idle renew when they are asked.
        record.probe();
        Proposal::Swap(Box::new((record, Planned::default())))
    }

    /// Renews the lease: gives away what is to be released, evicts members whose lease expired, and
    /// claims free partitions up to a fair share. `is_first` says that there was no record before.
    pub(super) fn renew(
        mut self,
        now: Instant,
        mut record: Record,
        is_first: bool,
        released: &BTreeSet<u8>,
    ) -> Proposal {
        let evicted = self.evict(&mut record, now);
        if record.purpose() != self.purpose && record.has_others(self.name) {
            return Proposal::Refused;
        }
        let was_left = !is_first && record.members().next().is_none();
        if was_left && self.ownership.loses_events() {
            record.orphan(0..PARTITIONS);
        }
        let past = self.lease.past_heartbeat();
        let heartbeat = record.renew(self.name, self.purpose, past);
        self.lease.set_heartbeat(heartbeat);
        let planned = self.ownership.renew(&mut record, self.name, released);
        Proposal::Swap(Box::new((record, Planned { evicted, ..planned })))
    }

    /// Takes the member out of the record.
    pub(super) fn resign(self, mut record: Record) -> Proposal {
        self.ownership.resign(&mut record, self.name);
        record.leave(self.name);
        Proposal::Swap(Box::new((record, Planned::default())))
    }

    /// Evicts the members that have expired.
    fn evict(&mut self, record: &mut Record, now: Instant) -> BTreeSet<String> {
        let expired = self
            .peers
            .expired(record, self.name, self.lease.length(), now);
        record.evict(&expired, self.ownership.loses_events());
        expired
    }
}
