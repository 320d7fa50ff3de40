//! Events of one key that wait for its value.
//!
//! Each event is in the end emitted, counted as coalesced, or covered by a gap; but nothing is emitted
//! for a key that holds no value of ours (another type, or more than 16 MiB).

use bytes::Bytes;
use keywell_store::{Error, Result};

use super::backlog::Reread;
use super::counts::EventCounts;
use super::key_event::KeyEvent;
use super::members::Members;
use super::read_queue::Merge;

/// Events of a key that no watcher has received yet.
#[derive(Debug)]
pub(super) struct Pending {
    counts: EventCounts,
    last: KeyEvent,
}

// === impl Pending ===

impl Pending {
    pub(super) fn new(counts: EventCounts, last: KeyEvent) -> Self {
        Self { counts, last }
    }

    /// One event that these watchers have heard.
    pub(super) fn heard(watchers: &[u64], event: KeyEvent) -> Self {
        let mut pending = Self::new(EventCounts::default(), event);
        pending.hear(watchers, event);
        pending
    }

    /// The present state of a key, emitted whether or not it has changed.
    pub(super) fn state(watcher: u64) -> Self {
        let removed = KeyEvent::Removed { expired: false };
        Self::new(EventCounts::one(watcher, 1), removed)
    }

    /// The events of a key that a watcher has in its backlog.
    pub(super) fn reread(watcher: u64, reread: &Reread) -> Self {
        let counts = EventCounts::one(watcher, reread.events().max(1));
        Self::new(counts, reread.last())
    }

    pub(super) fn hear(&mut self, watchers: &[u64], event: KeyEvent) {
        self.last = event;
        for number in watchers {
            self.counts.add(*number, 1);
        }
    }

    /// The same events, of a key whose removal another listener may have emitted: that the key is
    /// absent is then emitted here too.
    pub(super) fn with_removal(mut self) -> Self {
        if self.last == KeyEvent::Written {
            self.last = KeyEvent::Removed { expired: false };
        }
        self
    }

    pub(super) fn last(&self) -> KeyEvent {
        self.last
    }

    pub(super) fn add(&mut self, counts: EventCounts) {
        self.counts.merge(counts);
    }

    pub(super) fn into_counts(self) -> EventCounts {
        self.counts
    }

    /// Emits what the key has come to by all its events.
    pub(super) fn emit(self, value: &Result<Option<Bytes>>, name: &[u8], members: &Members) {
        if let Err(error) = value
            && !matches!(error, Error::Corrupt(_))
        {
            tracing::warn!("cannot read a watched key, which is a gap: {error}");
        }
        for (number, events) in self.counts {
            let Some(watcher) = members.get(number) else {
                continue;
            };
            match (value, self.last) {
                (Ok(Some(value)), _) => watcher.emit_value(name, value, events),
                (Ok(None), KeyEvent::Removed { expired }) => {
                    watcher.emit_removal(name, expired, events);
                }
                // Gone already: the event of its removal follows.
                (Ok(None), KeyEvent::Written) => {
                    watcher.queue().count(events);
                    watcher.queue().resume_rereads();
                }
                // Another program keeps something there that is no value of ours.
                (Err(Error::Corrupt(_)), _) => watcher.queue().resume_rereads(),
                (Err(_), _) => watcher.queue().gap(),
            }
        }
    }

    /// Reports the events as missed.
    pub(super) fn gap(self, members: &Members) {
        for (number, _) in self.counts {
            if let Some(watcher) = members.get(number) {
                watcher.queue().gap();
            }
        }
    }
}

impl Merge for Pending {
    fn merge(&mut self, other: Self) {
        self.counts.merge(other.counts);
        if let KeyEvent::Removed { .. } = other.last {
            self.last = other.last;
        }
    }
}
