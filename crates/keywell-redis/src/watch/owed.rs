use std::collections::{HashMap, VecDeque};

use keywell_store::Event;

use super::change::Change;

/// The keys of which somebody is to be told what they hold, as there was no room for what was read:
/// they are read again when there is.
#[derive(Debug, Default)]
pub(super) struct Owed {
    /// In the order in which they came.
    keys: VecDeque<String>,
    debts: HashMap<String, Debt>,
    bytes: usize,
}

/// What is owed of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Debt {
    /// How many events are to be told by it; none if it is only to be told what it holds.
    pub(super) events: u64,
    /// What was heard of it last: it is told that it is gone unless another event says so.
    pub(super) last: Change,
    /// How large its value was.
    value: usize,
}

// === impl Owed ===

impl Owed {
    /// At most so much is kept of keys that nobody named.
    const MAX_BYTES: usize = 16 << 20;
    /// So much is asked for of somebody who waits, whatever it is by now.
    const ASKED_BYTES: usize = 8 << 20;
    const ASKED_KEYS: usize = 1024;

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Adds events to what is owed of their key, if it is.
    pub(super) fn add(&mut self, event: &Event, events: u64) -> bool {
        let debt = event.key().and_then(|key| self.debts.get_mut(key));
        let Some(debt) = debt else {
            return false;
        };
        debt.add(event, events);
        true
    }

    /// Owes the key of an event, unless that is too much.
    pub(super) fn owe(&mut self, event: &Event, events: u64) -> bool {
        let key = event.key().unwrap_or_default();
        if self.bytes + size(key) > Self::MAX_BYTES {
            return false;
        }
        self.force(event, events);
        true
    }

    /// As [`Self::owe`], however much is owed.
    pub(super) fn force(&mut self, event: &Event, events: u64) {
        let debt = self.force_key(event.key().unwrap_or_default());
        debt.add(event, events);
    }

    /// Owes a key of which nothing was heard, if nothing is owed of it yet.
    pub(super) fn force_key(&mut self, key: &str) -> &mut Debt {
        if !self.debts.contains_key(key) {
            self.bytes += size(key);
            self.keys.push_back(key.to_owned());
        }
        self.debts.entry(key.to_owned()).or_default()
    }

    /// The next key to read, if its value has room as it was.
    pub(super) fn next(&mut self, room: usize) -> Option<(String, Debt)> {
        let key = self.keys.front()?;
        if self.debts.get(key).is_some_and(|debt| debt.value > room) {
            return None;
        }
        let key = self.keys.pop_front()?;
        self.bytes = self.bytes.saturating_sub(size(&key));
        let debt = self.debts.remove(&key).unwrap_or_default();
        Some((key, debt))
    }

    /// The next keys to read for somebody who has read everything else, at least one.
    pub(super) fn some(&mut self, asked: &mut Vec<(String, Debt)>) {
        let mut bytes = 0;
        while bytes < Self::ASKED_BYTES && asked.len() < Self::ASKED_KEYS {
            let Some((key, debt)) = self.next(usize::MAX) else {
                return;
            };
            bytes += debt.value;
            asked.push((key, debt));
        }
    }
}

// === impl Debt ===

impl Debt {
    fn add(&mut self, event: &Event, events: u64) {
        self.events += events;
        (self.value, self.last) = match event {
            Event::Set { value, .. } => (value.len(), Change::Written),
            Event::Delete { expired, .. } => (0, Change::Removed { expired: *expired }),
            _ => return,
        };
    }
}

impl Default for Debt {
    /// Whatever it holds is to be told.
    fn default() -> Self {
        Self {
            events: 0,
            last: Change::Removed { expired: false },
            value: 0,
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
    fn a_key_is_owed_once_with_all_its_events() {
        let mut owed = Owed::default();
        assert!(!owed.add(&set("a", 1), 1), "it is not owed");
        assert!(owed.owe(&set("a", 1), 2));
        assert!(owed.owe(&set("b", 5), 1));
        assert!(owed.add(&set("a", 7), 3));
        let expired = Event::Delete {
            key: "b".to_owned(),
            expired: true,
            token: None,
        };
        assert!(owed.add(&expired, 1));
        assert_eq!(owed.next(6), None, "there is no room for it");
        let mut asked = Vec::new();
        owed.some(&mut asked);
        let debt = |events, last, value| Debt {
            events,
            last,
            value,
        };
        let expected = [
            ("a".to_owned(), debt(5, Change::Written, 7)),
            (
                "b".to_owned(),
                debt(2, Change::Removed { expired: true }, 0),
            ),
        ];
        assert_eq!(asked, expected);
        assert!(owed.is_empty() && owed.bytes == 0);
    }

    #[test]
    fn it_has_a_bound_and_is_asked_for_in_parts() {
        let mut owed = Owed::default();
        let mut keys = 0;
        while owed.owe(&set(&format!("{keys:1000}"), 1 << 20), 1) {
            keys += 1;
        }
        assert!((5_000..10_000).contains(&keys), "{keys}");
        owed.force_key("named");
        let mut asked = Vec::new();
        owed.some(&mut asked);
        assert_eq!(asked.len(), 8);
        while let Some((key, debt)) = owed.next(usize::MAX) {
            asked.push((key, debt));
        }
        assert_eq!(asked.len(), keys + 1);
        assert_eq!(asked[keys].0, "named");
    }
}
