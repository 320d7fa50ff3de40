//! How far a process is in one partition.
//!
//! The position is the latest token such that every event of the partition up to there is finished.
//! It waits for the oldest event under way; events that are finished behind that take no room.

use std::collections::{BTreeMap, BTreeSet};

use keywell_store::{ResumeToken, Version};

/// A partition, for as long as a process holds it.
pub(crate) struct Progress {
    partition: u8,
    /// Different from that of every other time that this process held a partition.
    epoch: u64,
    /// The number of the next ticket.
    next: u64,
    /// What the position waits for, in the order of the watch: each with the position for as long
    /// as it is the oldest.
    under_way: BTreeMap<u64, Option<ResumeToken>>,
    /// What is to be delivered besides, and the position does not wait for.
    beside: BTreeSet<u64>,
    /// Up to where events were taken: the position while nothing is under way.
    reached: Option<ResumeToken>,
    /// What is stored, and by which write.
    stored: Option<ResumeToken>,
    version: Option<Version>,
    /// Whether it takes no more events, as another process is to have it.
    is_draining: bool,
}

/// The place of an event among those of its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) partition: u8,
    /// Of the [`Progress`] that gave it.
    pub(crate) epoch: u64,
    pub(crate) number: u64,
}

// === impl Progress ===

impl Progress {
    /// Goes on from what is stored.
    pub(crate) fn new(
        partition: u8,
        epoch: u64,
        stored: Option<ResumeToken>,
        version: Option<Version>,
    ) -> Self {
        Self {
            partition,
            epoch,
            next: 0,
            under_way: BTreeMap::new(),
            beside: BTreeSet::new(),
            reached: stored.clone(),
            stored,
            version,
            is_draining: false,
        }
    }

    pub(crate) fn partition(&self) -> u8 {
        self.partition
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// That of the stored position.
    pub(crate) fn version(&self) -> Option<&Version> {
        self.version.as_ref()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining
    }

    pub(crate) fn drain(&mut self) {
        self.is_draining = true;
    }

    pub(crate) fn resume(&mut self) {
        self.is_draining = false;
    }

    /// Takes an event of the watch. The position waits for it.
    pub(crate) fn begin(&mut self, token: Option<&ResumeToken>) -> Ticket {
        let ticket = self.ticket();
        self.under_way.insert(ticket.number, self.reached.clone());
        self.pass(token);
        ticket
    }

    /// Takes an event that did not come from the watch, so that the position need not wait for it.
    pub(crate) fn begin_beside(&mut self) -> Ticket {
        let ticket = self.ticket();
        self.beside.insert(ticket.number);
        ticket
    }

    fn ticket(&mut self) -> Ticket {
        let number = self.next;
        self.next += 1;
        Ticket {
            partition: self.partition,
            epoch: self.epoch,
            number,
        }
    }

    /// An event is finished. One of an earlier epoch changes nothing.
    pub(crate) fn end(&mut self, ticket: Ticket) {
        if ticket.epoch == self.epoch && self.under_way.remove(&ticket.number).is_none() {
            self.beside.remove(&ticket.number);
        }
    }

    /// The watch has reached a token with no event of this partition, so the position moves there
    /// when all before it is finished.
    pub(crate) fn pass(&mut self, token: Option<&ResumeToken>) {
        if let Some(token) = token {
            self.reached = Some(token.clone());
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.under_way.is_empty() && self.beside.is_empty()
    }

    /// The position, where it is another than what is stored.
    pub(crate) fn unstored(&self) -> Option<&ResumeToken> {
        let oldest = self.under_way.values().next();
        oldest
            .unwrap_or(&self.reached)
            .as_ref()
            .filter(|position| Some(*position) != self.stored.as_ref())
    }

    pub(crate) fn stored(&mut self, token: ResumeToken, version: Option<Version>) {
        self.stored = Some(token);
        self.version = version;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: u32) -> ResumeToken {
        ResumeToken::from(number.to_string())
    }

    #[test]
    fn the_position_is_before_the_oldest_event_under_way() {
        let mut progress = Progress::new(0, 1, Some(token(0)), None);
        let tickets: Vec<Ticket> = (1..=3).map(|n| progress.begin(Some(&token(n)))).collect();
        progress.end(tickets[2]);
        progress.end(tickets[1]);
        assert_eq!(progress.unstored(), None);
        progress.end(tickets[0]);
        assert_eq!(progress.unstored(), Some(&token(3)));
        progress.stored(token(3), None);
        assert_eq!(progress.unstored(), None);
        assert!(progress.is_idle());
    }

    #[test]
    fn passing_moves_the_position_only_when_all_before_is_finished() {
        let mut progress = Progress::new(0, 1, Some(token(0)), None);
        progress.pass(Some(&token(1)));
        assert_eq!(progress.unstored(), Some(&token(1)));
        let ticket = progress.begin(Some(&token(2)));
        progress.pass(Some(&token(3)));
        progress.pass(Some(&token(4)));
        assert_eq!(progress.unstored(), Some(&token(1)));
        progress.end(ticket);
        assert_eq!(progress.unstored(), Some(&token(4)));
        assert!(progress.is_idle());
    }

    #[test]
    fn finished_events_behind_one_that_hangs_take_no_room() {
        let mut progress = Progress::new(0, 1, Some(token(0)), None);
        let hanging = progress.begin(Some(&token(1)));
        let second = progress.begin(Some(&token(2)));
        for number in 3..1000 {
            let ticket = progress.begin(Some(&token(number)));
            progress.end(ticket);
        }
        assert_eq!(progress.under_way.len(), 2);
        progress.end(hanging);
        assert_eq!(progress.unstored(), Some(&token(1)));
        progress.end(second);
        assert_eq!(progress.unstored(), Some(&token(999)));
    }

    #[test]
    fn the_position_waits_for_keys_read_again_after_a_gap_and_not_for_replays() {
        let mut progress = Progress::new(0, 1, Some(token(0)), None);
        let present = progress.begin(None);
        let beside = progress.begin_beside();
        progress.pass(Some(&token(5)));
        assert_eq!(progress.unstored(), None);
        progress.end(present);
        assert_eq!(progress.unstored(), Some(&token(5)));
        assert!(!progress.is_idle());
        progress.end(beside);
        assert!(progress.is_idle());
    }

    #[test]
    fn a_ticket_of_an_earlier_epoch_moves_nothing() {
        let mut earlier = Progress::new(0, 1, None, None);
        let ticket = earlier.begin(Some(&token(1)));
        let mut later = Progress::new(0, 2, None, None);
        later.begin(Some(&token(2)));
        later.end(ticket);
        assert_eq!(later.unstored(), None);
    }
}
