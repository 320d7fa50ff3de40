use std::collections::{BTreeMap, BTreeSet};

use keywell_store::{ResumeToken, Version};

use crate::watch::dispatch::job::Ticket;

/// A share of the keys, as the process that delivers it keeps track of it.
///
/// Its position is the latest token such that all of its events up to there are through: what is
/// stored, so that whoever goes on from there misses none.
pub(crate) struct Partition {
    pub(crate) number: u8,
    pub(crate) holding: u64,
    /// The number of the next ticket.
    next: u64,
    /// What the position waits for, in the order of the watch: each with the position for as long
    /// as it is the oldest. What is through takes no room, however long the oldest takes.
    under_way: BTreeMap<u64, Option<ResumeToken>>,
    /// What is to be delivered besides, and the position does not wait for.
    beside: BTreeSet<u64>,
    /// Up to where events were taken: the position while nothing is under way.
    reached: Option<ResumeToken>,
    /// What is stored, and by which write.
    stored: Option<ResumeToken>,
    pub(crate) version: Option<Version>,
    /// Whether it is to be given to another process, and so takes no further events.
    pub(crate) is_leaving: bool,
}

// === impl Partition ===

impl Partition {
    /// A share that goes on from what is stored.
    pub(crate) fn new(
        number: u8,
        holding: u64,
        stored: Option<ResumeToken>,
        version: Option<Version>,
    ) -> Self {
        Self {
            number,
            holding,
            next: 0,
            under_way: BTreeMap::new(),
            beside: BTreeSet::new(),
            reached: stored.clone(),
            stored,
            version,
            is_leaving: false,
        }
    }

    /// Takes an event of the watch. The position waits for it.
    pub(crate) fn begin(&mut self, token: Option<&ResumeToken>) -> Ticket {
        let ticket = self.ticket();
        self.under_way.insert(ticket.number, self.reached.clone());
        self.pass(token);
        ticket
    }

    /// Takes what did not come from the watch, so that the position need not wait for it.
    pub(crate) fn begin_beside(&mut self) -> Ticket {
        let ticket = self.ticket();
        self.beside.insert(ticket.number);
        ticket
    }

    fn ticket(&mut self) -> Ticket {
        let number = self.next;
        self.next += 1;
        Ticket {
            partition: self.number,
            holding: self.holding,
            number,
        }
    }

    /// Says that what was taken is through. That of an earlier holding is nobody's concern any more.
    pub(crate) fn end(&mut self, ticket: Ticket) {
        if ticket.holding == self.holding && self.under_way.remove(&ticket.number).is_none() {
            self.beside.remove(&ticket.number);
        }
    }

    /// Says that the watch has come to a token with no event of this share on the way, so that the
    /// position moves there when all before it is through.
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
            .filter(|through| Some(*through) != self.stored.as_ref())
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
        let mut partition = Partition::new(0, 1, Some(token(0)), None);
        let tickets: Vec<Ticket> = (1..=3).map(|n| partition.begin(Some(&token(n)))).collect();
        partition.end(tickets[2]);
        partition.end(tickets[1]);
        assert_eq!(partition.unstored(), None);
        partition.end(tickets[0]);
        assert_eq!(partition.unstored(), Some(&token(3)));
        partition.stored(token(3), None);
        assert_eq!(partition.unstored(), None);
        assert!(partition.is_idle());
    }

    #[test]
    fn passing_moves_the_position_only_when_all_before_is_through() {
        let mut partition = Partition::new(0, 1, Some(token(0)), None);
        partition.pass(Some(&token(1)));
        assert_eq!(partition.unstored(), Some(&token(1)));
        let ticket = partition.begin(Some(&token(2)));
        partition.pass(Some(&token(3)));
        partition.pass(Some(&token(4)));
        assert_eq!(partition.unstored(), Some(&token(1)));
        partition.end(ticket);
        assert_eq!(partition.unstored(), Some(&token(4)));
        assert!(partition.is_idle());
    }

    #[test]
    fn what_is_through_behind_one_that_hangs_takes_no_room() {
        let mut partition = Partition::new(0, 1, Some(token(0)), None);
        let hanging = partition.begin(Some(&token(1)));
        let second = partition.begin(Some(&token(2)));
        for number in 3..1000 {
            let ticket = partition.begin(Some(&token(number)));
            partition.end(ticket);
        }
        assert_eq!(partition.under_way.len(), 2);
        partition.end(hanging);
        assert_eq!(partition.unstored(), Some(&token(1)));
        partition.end(second);
        assert_eq!(partition.unstored(), Some(&token(999)));
    }

    #[test]
    fn the_position_waits_for_what_a_gap_has_read_again_and_not_for_what_is_beside() {
        let mut partition = Partition::new(0, 1, Some(token(0)), None);
        let present = partition.begin(None);
        let beside = partition.begin_beside();
        partition.pass(Some(&token(5)));
        assert_eq!(partition.unstored(), None);
        partition.end(present);
        assert_eq!(partition.unstored(), Some(&token(5)));
        assert!(!partition.is_idle());
        partition.end(beside);
        assert!(partition.is_idle());
    }

    #[test]
    fn a_ticket_of_an_earlier_holding_moves_nothing() {
        let mut earlier = Partition::new(0, 1, None, None);
        let ticket = earlier.begin(Some(&token(1)));
        let mut later = Partition::new(0, 2, None, None);
        later.begin(Some(&token(2)));
        later.end(ticket);
        assert_eq!(later.unstored(), None);
    }
}
