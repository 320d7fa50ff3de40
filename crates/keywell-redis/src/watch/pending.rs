use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{Error, Event, Result};

use super::change::Change;
use super::hub::Watcher;
use super::listener::Members;

/// Events of a key of which nobody was told yet.
pub(super) struct Pending {
    /// How many each watcher has heard.
    heard: Vec<(u64, u64)>,
    last: Change,
}

// === impl Pending ===

impl Pending {
    pub(super) fn new(watchers: &[u64], change: Change) -> Self {
        let mut pending = Self {
            heard: Vec::with_capacity(watchers.len()),
            last: change,
        };
        pending.hear(watchers, change);
        pending
    }

    pub(super) fn hear(&mut self, watchers: &[u64], change: Change) {
        self.last = change;
        for number in watchers {
            match self.heard.iter_mut().find(|(who, _)| who == number) {
                Some((_, events)) => *events += 1,
                None => self.heard.push((*number, 1)),
            }
        }
    }

    /// Tells what the key has come to by all its events.
    pub(super) fn tell(self, value: &Result<Option<Bytes>>, name: &[u8], members: &Members) {
        for (number, events) in self.heard {
            let watcher = members.get(number);
            match (value, self.last) {
                (Ok(Some(value)), _) => tell_set(watcher, name, value, events),
                (Ok(None), Change::Removed { expired }) => {
                    tell_gone(watcher, name, expired, events);
                }
                // Gone already: the event that says so is on its way.
                (Ok(None), Change::Written) => {
                    if let Some(watcher) = watcher {
                        watcher.queue.count(events);
                    }
                }
                // What another program keeps there is no value of ours.
                (Err(Error::Corrupt(_)), _) => {}
                (Err(error), _) => {
                    tracing::warn!("a watched key cannot be read: {error}");
                    if let Some(watcher) = watcher {
                        watcher.queue.gap();
                    }
                }
            }
        }
    }
}

pub(super) fn tell_set(watcher: Option<&Arc<Watcher>>, name: &[u8], value: &Bytes, events: u64) {
    let Some(watcher) = watcher else { return };
    let Some(key) = watcher.keys.key(name) else {
        return;
    };
    let event = Event::Set {
        key: key.to_owned(),
        value: value.clone(),
        version: Some(value.clone().into()),
        token: None,
    };
    watcher.queue.push(event, events);
}

pub(super) fn tell_gone(watcher: Option<&Arc<Watcher>>, name: &[u8], expired: bool, events: u64) {
    let Some(watcher) = watcher else { return };
    let Some(key) = watcher.keys.key(name) else {
        return;
    };
    let event = Event::Delete {
        key: key.to_owned(),
        expired,
        token: None,
    };
    watcher.queue.push(event, events);
}
