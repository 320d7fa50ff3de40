use std::collections::VecDeque;

use keywell_store::{ResumeToken, Version};

use super::change::Ticket;

/// A share of the keys, as the process that delivers it keeps track of it.
///
/// Its position is the latest token such that all of its events up to there are through: what is
/// stored, so that whoever goes on from there misses none.
pub(super) struct Partition {
    pub(super) number: u8,
    pub(super) holding: u64,
    /// Events under way, in the order of the watch.
    outstanding: VecDeque<Outstanding>,
    /// The number of the first of them.
    first: u64,
    /// Up to where all is through.
    through: Option<ResumeToken>,
    /// What is stored, and by which write.
    stored: Option<ResumeToken>,
    pub(super) version: Option<Version>,
    /// Whether it is to be given to another process, and so takes no further events.
    pub(super) is_leaving: bool,
}

struct Outstanding {
    token: Option<ResumeToken>,
    is_through: bool,
}

// === impl Partition ===

impl Partition {
    /// A share that goes on from what is stored.
    pub(super) fn new(
        number: u8,
        holding: u64,
        stored: Option<ResumeToken>,
        version: Option<Version>,
    ) -> Self {
        Self {
            number,
            holding,
            outstanding: VecDeque::new(),
            first: 0,
            through: stored.clone(),
            stored,
            version,
            is_leaving: false,
        }
    }

    /// Takes an event of the watch.
    pub(super) fn begin(&mut self, token: Option<ResumeToken>) -> Ticket {
        let number = self.first + self.outstanding.len() as u64;
        self.outstanding.push_back(Outstanding {
            token,
            is_through: false,
        });
        Ticket {
            partition: self.number,
            holding: self.holding,
            number,
        }
    }

    /// Says that an event is through. One of an earlier holding is nobody's concern any more.
    pub(super) fn end(&mut self, ticket: Ticket) {
        if ticket.holding != self.holding {
            return;
        }
        let place = ticket.number.checked_sub(self.first);
        let place = place.and_then(|place| usize::try_from(place).ok());
        if let Some(event) = place.and_then(|place| self.outstanding.get_mut(place)) {
            event.is_through = true;
        }
        while self
            .outstanding
            .front()
            .is_some_and(|event| event.is_through)
        {
            if let Some(Outstanding {
                token: Some(token), ..
            }) = self.outstanding.pop_front()
            {
                self.through = Some(token);
            }
            self.first += 1;
        }
    }

    /// Says that the watch has come to a token with no event of this share on the way, so that the
    /// position moves there when all before it is through.
    pub(super) fn pass(&mut self, token: Option<&ResumeToken>) {
        let Some(token) = token else { return };
        match self.outstanding.back_mut() {
            None => self.through = Some(token.clone()),
            Some(last) if last.is_through => last.token = Some(token.clone()),
            Some(_) => {
                self.outstanding.push_back(Outstanding {
                    token: Some(token.clone()),
                    is_through: true,
                });
            }
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.outstanding.is_empty()
    }

    /// The position, where it is another than what is stored.
    pub(super) fn unstored(&self) -> Option<&ResumeToken> {
        self.through
            .as_ref()
            .filter(|through| Some(*through) != self.stored.as_ref())
    }

    pub(super) fn stored(&mut self, token: ResumeToken, version: Option<Version>) {
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
        let tickets: Vec<Ticket> = (1..=3).map(|n| partition.begin(Some(token(n)))).collect();
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
        let ticket = partition.begin(Some(token(2)));
        partition.pass(Some(&token(3)));
        partition.pass(Some(&token(4)));
        assert_eq!(partition.unstored(), Some(&token(1)));
        partition.end(ticket);
        assert_eq!(partition.unstored(), Some(&token(4)));
        assert!(partition.is_idle());
    }

    #[test]
    fn a_ticket_of_an_earlier_holding_moves_nothing() {
        let mut earlier = Partition::new(0, 1, None, None);
        let ticket = earlier.begin(Some(token(1)));
        let mut later = Partition::new(0, 2, None, None);
        later.begin(Some(token(2)));
        later.end(ticket);
        assert_eq!(later.unstored(), None);
    }
}
