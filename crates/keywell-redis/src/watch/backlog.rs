//! The keys of a watch whose values were dropped for lack of queue space, to be re-read later.
//!
//! - A key is in it at most once, with all its events: none is emitted ahead of the re-read.
//! - Keys are re-read in the order in which they came.
//! - It keeps at most 16 MiB of keys, and besides those that the watch names.

use std::collections::{HashMap, VecDeque};

use keywell_store::Event;

use super::key_event::KeyEvent;

/// Keys to be re-read.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// In the order in which they came.
    keys: VecDeque<String>,
    rereads: HashMap<String, Reread>,
    bytes: usize,
}

/// The re-read of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reread {
    /// How many events it stands for; 0 if only the present state is to be emitted.
    events: u64,
    /// The last event heard.
    last: KeyEvent,
    /// How large the value was.
    value_bytes: usize,
}

// === impl Backlog ===

impl Backlog {
    /// The most that is kept of keys that the watch does not name.
    const MAX_BYTES: usize = 16 << 20;
    /// The most that is re-read at a time for a reader that waits, however large the values are by
    /// now.
    const BATCH_BYTES: usize = 8 << 20;
    const BATCH_KEYS: usize = 1024;

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Adds events to their key's re-read, if there is one; returns whether there is.
    pub(super) fn merge(&mut self, event: &Event, events: u64) -> bool {
        let reread = event.key().and_then(|key| self.rereads.get_mut(key));
        let Some(reread) = reread else {
            return false;
        };
        reread.add(event, events);
        true
    }

    /// Adds the key of an event, and returns whether there was room for it.
    pub(super) fn add(&mut self, event: &Event, events: u64) -> bool {
        let key = event.key().unwrap_or_default();
        if self.bytes + size(key) > Self::MAX_BYTES {
            return false;
        }
        self.add_named(event, events);
        true
    }

    /// As [`Self::add`], beyond the bound: for keys that the watch names.
    pub(super) fn add_named(&mut self, event: &Event, events: u64) {
        let reread = self.entry(event.key().unwrap_or_default());
        reread.add(event, events);
    }

    /// Adds a named key whose present state is to be emitted, unless it is there.
    pub(super) fn add_state(&mut self, key: &str) {
        self.entry(key);
    }

    /// The next key to re-read, if its value as it was has room.
    pub(super) fn next_within(&mut self, room: usize) -> Option<(String, Reread)> {
        let key = self.keys.front()?;
        let reread = self.rereads.get(key);
        if reread.is_some_and(|reread| reread.value_bytes > room) {
            return None;
        }
        let key = self.keys.pop_front()?;
        self.bytes = self.bytes.saturating_sub(size(&key));
        let reread = self.rereads.remove(&key).unwrap_or_default();
        Some((key, reread))
    }

    /// The next keys to re-read for a reader that has taken everything else, at least one.
    pub(super) fn next_batch(&mut self, rereads: &mut Vec<(String, Reread)>) {
        let mut bytes = 0;
        while bytes < Self::BATCH_BYTES && rereads.len() < Self::BATCH_KEYS {
            let Some((key, reread)) = self.next_within(usize::MAX) else {
                return;
            };
            bytes += reread.value_bytes;
            rereads.push((key, reread));
        }
    }

    fn entry(&mut self, key: &str) -> &mut Reread {
        if !self.rereads.contains_key(key) {
            self.bytes += size(key);
            self.keys.push_back(key.to_owned());
        }
        self.rereads.entry(key.to_owned()).or_default()
    }
}

// === impl Reread ===

impl Reread {
    pub(super) fn last(&self) -> KeyEvent {
        self.last
    }

    pub(super) fn events(&self) -> u64 {
        self.events
    }

    fn add(&mut self, event: &Event, events: u64) {
        self.events += events;
        (self.value_bytes, self.last) = match event {
            Event::Set { value, .. } => (value.len(), KeyEvent::Written),
            Event::Delete { expired, .. } => (0, KeyEvent::Removed { expired: *expired }),
            _ => return,
        };
    }
}

impl Default for Reread {
    /// Emits the present state, whether there is a value or not.
    fn default() -> Self {
        Self {
            events: 0,
            last: KeyEvent::Removed { expired: false },
            value_bytes: 0,
        }
    }
}

/// A key is kept twice.
fn size(key: &str) -> usize {
    128 + 2 * key.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &str, bytes: usize) -> Event {
        Event::Set {
            key: key.to_owned(),
            value: vec![0; bytes].into(),
            version: None,
            token: None,
        }
    }

    #[test]
    fn a_key_is_kept_once_with_all_its_events() {
        let mut backlog = Backlog::default();
        assert!(!backlog.merge(&set("a", 1), 1), "it is not there");
        assert!(backlog.add(&set("a", 1), 2));
        assert!(backlog.add(&set("b", 5), 1));
        assert!(backlog.merge(&set("a", 7), 3));
        let expired = Event::Delete {
            key: "b".to_owned(),
            expired: true,
            token: None,
        };
        assert!(backlog.merge(&expired, 1));
        assert_eq!(backlog.next_within(6), None, "there is no room for it");
        let mut rereads = Vec::new();
        backlog.next_batch(&mut rereads);
        let reread = |events, last, value_bytes| Reread {
            events,
            last,
            value_bytes,
        };
        let expected = [
            ("a".to_owned(), reread(5, KeyEvent::Written, 7)),
            (
                "b".to_owned(),
                reread(2, KeyEvent::Removed { expired: true }, 0),
            ),
        ];
        assert_eq!(rereads, expected);
        assert!(backlog.is_empty() && backlog.bytes == 0);
    }

    #[test]
    fn it_has_a_bound_and_is_re_read_in_batches() {
        let mut backlog = Backlog::default();
        let mut keys = 0;
        while backlog.add(&set(&format!("{keys:1000}"), 1 << 20), 1) {
            keys += 1;
        }
        assert!((5_000..10_000).contains(&keys), "{keys}");
        backlog.add_state("named");
        let mut rereads = Vec::new();
        backlog.next_batch(&mut rereads);
        assert_eq!(rereads.len(), 8);
        while let Some((key, reread)) = backlog.next_within(usize::MAX) {
            rereads.push((key, reread));
        }
        assert_eq!(rereads.len(), keys + 1);
        assert_eq!(rereads[keys].0, "named");
    }
}
