//! The latest changes of the buckets that keep no history, in memory, for those that watch them.
//!
//! They are published once they are durable. A watch that falls behind them, or has to assume that
//! it missed some, delivers a gap.

use std::collections::VecDeque;

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
pub(crate) struct Change {
    /// The number of the bucket.
    pub(crate) bucket: u32,
    pub(crate) event: Event,
    /// The size of key and value.
    pub(crate) bytes: usize,
}

#[derive(Debug, Default)]
struct Recent {
    changes: VecDeque<Change>,
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
    pub(crate) fn publish(&self, changes: Vec<Change>) {
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

    /// The next change of a bucket that matches after a number, or a gap. Advances the number past
    /// it, or to the last change.
    pub(crate) fn next(
        &self,
        position: &mut u64,
        bucket: Option<u32>,
        filter: &Filter,
    ) -> Option<Event> {
        self.recent.lock().next(position, bucket, filter)
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
    fn push(&mut self, change: Change) {
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

    fn next(&self, position: &mut u64, bucket: Option<u32>, filter: &Filter) -> Option<Event> {
        let kept = self.changes.len() as u64;
        let behind = self.last - *position;
        if behind > kept {
            *position = self.last;
            return Some(Event::Gap);
        }
        let skipped = usize::try_from(kept - behind).unwrap_or(usize::MAX);
        for change in self.changes.range(skipped..) {
            *position += 1;
            let matches = change.event.key().is_some_and(|key| filter.matches(key));
            if Some(change.bucket) == bucket && matches {
                return Some(change.event.clone());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(key: &str, bytes: usize) -> Change {
        Change {
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
        let mut next = |recent: &Recent| recent.next(&mut position, Some(7), &Filter::All);
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
        assert_eq!(recent.next(&mut 0, Some(7), &Filter::All), Some(Event::Gap));
        let mut behind = recent.last - 1;
        assert_eq!(recent.next(&mut behind, Some(8), &Filter::All), None);
        assert_eq!(behind, recent.last);
    }
}
