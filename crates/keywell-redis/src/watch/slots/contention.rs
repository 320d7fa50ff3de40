//! Events of a key of a cluster, sorted by what their node says about the key.
//!
//! Moving events between listeners loses none: all of them are in the result of each method that
//! passes them on.

use bytes::Bytes;
use keywell_store::Result;

use crate::link::Primary;
use crate::watch::counts::EventCounts;
use crate::watch::key_event::KeyEvent;
use crate::watch::members::Members;
use crate::watch::pending::Pending;
use crate::watch::read_queue::Merge;

/// Events of a key that wait for its value, from any number of nodes.
#[derive(Debug)]
pub(in crate::watch) struct Contention {
    /// Those to emit.
    pending: Pending,
    /// Those of a node that says our node has the key. If so, they are copies of what we hear
    /// ourselves.
    copies: EventCounts,
    /// Those of nodes that say our node does not have the key. If it does, they retry.
    contested: Vec<(Primary, EventCounts)>,
    /// The epoch in which all of them were heard, if it was one, and here.
    heard_in: Option<u64>,
    /// The epoch in which the read in flight was sent.
    read_in: u64,
    /// How often nodes did not agree on the key.
    attempts: u32,
}

// === impl Contention ===

impl Contention {
    /// An event that these watchers have heard here.
    pub(super) fn heard(watchers: &[u64], event: KeyEvent, epoch: u64) -> Self {
        Self {
            heard_in: Some(epoch),
            ..Self::of(Pending::heard(watchers, event), 0)
        }
    }

    /// Events that are emitted here, wherever they were heard.
    pub(super) fn transferred(pending: Pending) -> Self {
        Self::of(pending.with_removal(), 0)
    }

    fn of(pending: Pending, attempts: u32) -> Self {
        Self {
            pending,
            copies: EventCounts::default(),
            contested: Vec::new(),
            heard_in: None,
            read_in: 0,
            attempts,
        }
    }

    fn from_counts(counts: EventCounts, last: KeyEvent, attempts: u32) -> Self {
        Self::of(Pending::new(counts, last).with_removal(), attempts)
    }

    pub(super) fn hear(&mut self, watchers: &[u64], event: KeyEvent) {
        self.pending.hear(watchers, event);
    }

    /// Whether all events were heard here, in this epoch.
    pub(super) fn was_heard_in(&self, epoch: u64) -> bool {
        self.heard_in == Some(epoch)
    }

    pub(super) fn read_in(&self) -> u64 {
        self.read_in
    }

    pub(super) fn mark_read_in(&mut self, epoch: u64) {
        self.read_in = epoch;
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// A node that claims the key as well.
    pub(super) fn contender(&self) -> Option<&Primary> {
        self.contested.first().map(|(primary, _)| primary)
    }

    /// For another listener, which is to emit all of it.
    pub(super) fn into_transfer(self) -> Self {
        let (last, attempts) = (self.pending.last(), self.attempts);
        Self::from_counts(self.into_counts(), last, attempts)
    }

    /// For another listener, whose own events stand for it if its node has the key.
    pub(super) fn into_copy(self) -> Self {
        let (last, attempts) = (self.pending.last(), self.attempts);
        let mut copy = Self::from_counts(EventCounts::default(), last, attempts);
        copy.copies = self.into_counts();
        copy
    }

    /// For another listener, whose node may not have the key, as the node at `by` claims it.
    pub(super) fn into_contested(self, by: &Primary) -> Self {
        let (last, attempts) = (self.pending.last(), self.attempts);
        let mut contested = Self::from_counts(EventCounts::default(), last, attempts);
        contested.contested.push((by.clone(), self.into_counts()));
        contested
    }

    /// Takes out the contested events, for each of their nodes to retry.
    pub(super) fn take_contested(&mut self) -> Vec<(Primary, Self)> {
        let (last, attempts) = (self.pending.last(), self.attempts + 1);
        let contested = std::mem::take(&mut self.contested).into_iter();
        contested
            .map(|(by, counts)| (by, Self::from_counts(counts, last, attempts)))
            .collect()
    }

    /// The same, after one more attempt.
    pub(super) fn next_attempt(mut self) -> Self {
        self.attempts += 1;
        self
    }

    /// Counts copies as events, where our node does not hold the key itself.
    pub(super) fn count_copies(&mut self) {
        self.pending.add(std::mem::take(&mut self.copies));
    }

    /// Emits what the key has come to by the events to emit.
    pub(super) fn emit(self, value: &Result<Option<Bytes>>, name: &[u8], members: &Members) {
        self.pending.emit(value, name, members);
    }

    /// Reports all events as missed.
    pub(super) fn gap(self, members: &Members) {
        let last = self.pending.last();
        Pending::new(self.into_counts(), last).gap(members);
    }

    fn into_counts(self) -> EventCounts {
        let mut counts = self.pending.into_counts();
        counts.merge(self.copies);
        for (_, contested) in self.contested {
            counts.merge(contested);
        }
        counts
    }
}

impl Merge for Contention {
    fn merge(&mut self, other: Self) {
        self.pending.merge(other.pending);
        self.copies.merge(other.copies);
        self.contested.extend(other.contested);
        self.heard_in = self.heard_in.filter(|epoch| other.heard_in == Some(*epoch));
        self.attempts = self.attempts.max(other.attempts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Address;

    fn node(port: u16) -> Primary {
        let host = "h".to_owned();
        Primary::Node(Address::Tcp { host, port })
    }

    fn counts(contention: Contention) -> Vec<(u64, u64)> {
        contention.into_counts().into_iter().collect()
    }

    #[test]
    fn no_event_is_lost_on_its_way_between_listeners() {
        let heard = || Contention::heard(&[1, 2], KeyEvent::Written, 5);
        let mut all = heard();
        all.merge(heard().into_copy());
        all.merge(heard().into_contested(&node(1)));
        assert_eq!(all.contender(), Some(&node(1)));
        assert_eq!(counts(all.into_transfer()), [(1, 3), (2, 3)]);
        let mut contested = heard().into_contested(&node(1));
        let [(by, retried)] = &mut contested.take_contested()[..] else {
            panic!("one node contests it")
        };
        assert_eq!((&*by, retried.attempts()), (&node(1), 1));
        assert_eq!(contested.take_contested().len(), 0);
        assert_eq!(counts(contested), []);
    }

    #[test]
    fn events_of_two_epochs_are_of_none() {
        let heard = |epoch| Contention::heard(&[1], KeyEvent::Written, epoch);
        let mut same = heard(5);
        same.merge(heard(5));
        assert!(same.was_heard_in(5));
        same.merge(heard(6));
        assert!(!same.was_heard_in(5) && !same.was_heard_in(6));
    }
}
