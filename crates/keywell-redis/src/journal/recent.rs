use std::collections::VecDeque;
use std::sync::Arc;

use super::position::Position;
use super::record::Record;

/// The latest events of a shard, in memory, for the watches that are nearly at its end.
///
/// Each follows the one before it.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    records: VecDeque<Arc<Record>>,
    bytes: usize,
}

// === impl Recent ===

impl Recent {
    const MAX_EVENTS: usize = 1024;

    /// Of all events together, save that the last one is always kept.
    const MAX_BYTES: usize = 4 << 20;

    /// The most events that are taken at once.
    const MAX_TAKEN: usize = 256;

    /// Adds an event that follows the last one, or starts over with it.
    pub(crate) fn push(&mut self, record: Arc<Record>, before: &Position) {
        let is_next = self.records.back().is_some_and(|last| {
            let last = last.position(before);
            last == *before && record.follows(&last)
        });
        if !is_next {
            self.clear();
        }
        self.bytes += record.bytes();
        self.records.push_back(record);
        while self.records.len() > Self::MAX_EVENTS
            || (self.bytes > Self::MAX_BYTES && self.records.len() > 1)
        {
            let oldest = self.records.pop_front();
            self.bytes -= oldest.map_or(0, |oldest| oldest.bytes());
        }
    }

    pub(crate) fn clear(&mut self) {
        self.records.clear();
        self.bytes = 0;
    }

    /// The events after a place, some at a time; none if the next one is not here.
    pub(crate) fn after(&self, position: &Position) -> VecDeque<Arc<Record>> {
        let Some(first) = self.records.front() else {
            return VecDeque::new();
        };
        let skipped = (position.seq + 1).checked_sub(first.seq);
        let skipped = skipped.and_then(|skipped| usize::try_from(skipped).ok());
        let Some(skipped) = skipped.filter(|skipped| *skipped < self.records.len()) else {
            return VecDeque::new();
        };
        if !self.records[skipped].follows(position) {
            return VecDeque::new();
        }
        let taken = self.records.range(skipped..).take(Self::MAX_TAKEN);
        taken.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::position::Nonce;
    use super::*;

    fn beginning() -> Position {
        Position {
            epoch: Nonce::new(),
            seq: 100,
            nonce: Nonce::new(),
        }
    }

    /// Pushes so many events of that size, and returns the places before and after each.
    fn pushed(recent: &mut Recent, events: usize, bytes: usize) -> Vec<Position> {
        let mut places = vec![beginning()];
        for _ in 0..events {
            let before = places[places.len() - 1];
            let record = Record::of_bytes(&before, bytes);
            let after = record.position(&before);
            recent.push(Arc::new(record), &before);
            places.push(after);
        }
        places
    }

    #[test]
    fn events_are_found_behind_the_place_before_them() {
        let mut recent = Recent::default();
        let places = pushed(&mut recent, 10, 1);
        for (at, place) in places.iter().enumerate() {
            let after = recent.after(place);
            assert_eq!(after.len(), 10 - at);
            assert!(after.iter().all(|record| record.seq > place.seq));
        }
        assert!(recent.after(&beginning()).is_empty());
        let foreign = Position {
            nonce: Nonce::new(),
            ..places[5]
        };
        assert!(recent.after(&foreign).is_empty());
    }

    #[test]
    fn as_much_is_kept_as_there_is_room_for() {
        let mut recent = Recent::default();
        let places = pushed(&mut recent, 3000, 1);
        assert!(recent.after(&places[3000 - 1025]).is_empty());
        assert_eq!(recent.after(&places[3000 - 1024]).len(), 256);

        let mut recent = Recent::default();
        let places = pushed(&mut recent, 20, 1 << 20);
        assert!(recent.after(&places[16]).is_empty());
        assert_eq!(recent.after(&places[17]).len(), 3);
        let places = pushed(&mut recent, 1, 16 << 20);
        assert_eq!(recent.after(&places[0]).len(), 1, "one is always kept");
    }

    #[test]
    fn what_does_not_follow_begins_anew() {
        let mut recent = Recent::default();
        let old = pushed(&mut recent, 5, 1);
        let new = pushed(&mut recent, 1, 1);
        assert!(recent.after(&old[0]).is_empty());
        assert_eq!(recent.after(&new[0]).len(), 1);
    }
}
