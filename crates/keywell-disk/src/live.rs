//! The latest changes of the buckets that keep no history, in memory, for those that watch them.
//!
//! They are published once they are durable. A watch that falls behind them, or has to assume that
//! it missed some, delivers a gap.

use std::collections::VecDeque;

use keywell_store::feed::Chunk;
use keywell_store::{Event, Filter};
use parking_lot::Mutex;
use tokio::sync::watch;

/// The latest changes of all buckets without history.
#[derive(Debug)]
pub(crate) struct Live {
    recent: Mutex<Recent>,
    /// The number of the last change; `None` once the store is closed.
    last: watch::Sender<Option<u64>>,
}

/// A change of a bucket without history.
#[derive(Debug)]
pub(crate) struct LiveEvent {
    /// The number of the bucket.
    pub(crate) bucket: u32,
    pub(crate) event: Event,
    /// The size of key and value.
    pub(crate) bytes: usize,
}

#[derive(Debug, Default)]
struct Recent {
    changes: VecDeque<LiveEvent>,
    bytes: usize,
    /// The number of the last change. They are consecutive.
    last: u64,
}

// === impl Live ===

impl Live {
    const MOST_CHANGES: usize = 256;
    const MOST_BYTES: usize = 1 << 20;

    /// Whether there are watches. One that is opened later reads only what is written later.
    pub(crate) fn is_watched(&self) -> bool {
        self.last.receiver_count() > 0
    }

    /// Publishes changes that are durable. The last one is kept whatever its size.
    pub(crate) fn publish(&self, changes: Vec<LiveEvent>) {
        if changes.is_empty() {
            return;
        }
        let mut recent = self.recent.lock();
        for change in changes {
            recent.push(change);
        }
        self.last.send_replace(Some(recent.last));
    }

    /// Lets every watch deliver a gap: it is unknown what was written.
    pub(crate) fn interrupt(&self) {
        let mut recent = self.recent.lock();
        recent.changes.clear();
        recent.bytes = 0;
        recent.last += 1;
        self.last.send_replace(Some(recent.last));
    }

    /// The number of the last change, and of those to come; `None` once the store is closed.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<u64>> {
        self.last.subscribe()
    }

    /// The changes of a bucket that match after a number, or a gap.
    pub(crate) fn after(&self, number: u64, bucket: Option<u32>, filter: &Filter) -> Chunk<u64> {
        self.recent.lock().after(number, bucket, filter)
    }

    /// Ends every watch.
    pub(crate) fn close(&self) {
        self.last.send_replace(None);
    }
}

impl Default for Live {
    fn default() -> Self {
        Self {
            recent: Mutex::default(),
            last: watch::Sender::new(Some(0)),
        }
    }
}

// === impl Recent ===

impl Recent {
    fn push(&mut self, change: LiveEvent) {
        self.last += 1;
        self.bytes += change.bytes;
        self.changes.push_back(change);
        while self.changes.len() > 1
            && (self.changes.len() > Live::MOST_CHANGES || self.bytes > Live::MOST_BYTES)
        {
            if let Some(oldest) = self.changes.pop_front() {
                self.bytes -= oldest.bytes;
            }
        }
    }

    fn after(&self, number: u64, bucket: Option<u32>, filter: &Filter) -> Chunk<u64> {
        let upto = self.last;
        let kept = self.changes.len() as u64;
        let behind = upto - number;
        if behind > kept {
            let events = [(upto, Event::Gap)].into();
            return Chunk { events, upto };
        }
        let skipped = usize::try_from(kept - behind).unwrap_or(usize::MAX);
        let numbered = (number + 1..).zip(self.changes.range(skipped..));
        let matching = numbered.filter(|(_, change)| {
            let matches = change.event.key().is_some_and(|key| filter.matches(key));
            matches && Some(change.bucket) == bucket
        });
        let events = matching.map(|(number, change)| (number, change.event.clone()));
        Chunk {
            events: events.collect(),
            upto,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(key: &str, bytes: usize) -> LiveEvent {
        LiveEvent {
            bucket: 7,
            event: Event::Delete {
                key: key.to_owned(),
                expired: false,
                token: None,
            },
            bytes,
        }
    }

    #[test]
    fn a_reader_that_falls_behind_delivers_a_gap_and_goes_on_at_the_end() {
        let mut recent = Recent::default();
        let mut position = 0;
        let mut next = |recent: &Recent| {
            let mut chunk = recent.after(position, Some(7), &Filter::All);
            position = chunk.upto;
            let next = chunk.events.pop_front();
            assert!(chunk.events.is_empty());
            next.map(|(number, event)| {
                assert_eq!(number, chunk.upto);
                event
            })
        };
        assert_eq!(next(&recent), None);
        for _ in 0..=Live::MOST_CHANGES {
            recent.push(change("k", 1));
        }
        assert_eq!(next(&recent), Some(Event::Gap));
        assert_eq!(next(&recent), None);
        recent.push(change("large", Live::MOST_BYTES + 1));
        assert_eq!(
            (recent.changes.len(), recent.bytes),
            (1, Live::MOST_BYTES + 1)
        );
        assert_eq!(next(&recent), Some(change("large", 0).event));
        let gap = recent.after(0, Some(7), &Filter::All);
        assert_eq!(gap.events, [(recent.last, Event::Gap)]);
        let others = recent.after(recent.last - 1, Some(8), &Filter::All);
        assert_eq!((others.events.len(), others.upto), (0, recent.last));
    }

    #[test]
    fn changes_are_numbered_and_those_of_other_buckets_and_keys_left_out() {
        let mut recent = Recent::default();
        let other = LiveEvent {
            bucket: 8,
            ..change("k", 1)
        };
        for change in [change("k", 1), other, change("j", 1), change("k", 1)] {
            recent.push(change);
        }
        let filter = Filter::Key("k".to_owned());
        let numbers = |chunk: Chunk<u64>| {
            let numbers = chunk.events.iter().map(|(number, _)| *number);
            (numbers.collect::<Vec<_>>(), chunk.upto)
        };
        let after = |number| numbers(recent.after(number, Some(7), &filter));
        assert_eq!(after(0), (vec![1, 4], 4));
        assert_eq!(after(1), (vec![4], 4));
        assert_eq!(after(4), (vec![], 4));
        let unknown = recent.after(0, None, &filter);
        assert_eq!(numbers(unknown), (vec![], 4));
    }
}
