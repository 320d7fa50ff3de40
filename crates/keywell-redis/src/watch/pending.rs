use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{Error, Event, Result};

use super::change::Change;
use super::hub::Watcher;
use super::listener::Members;
use crate::link::Place;

/// How many events of a key each watcher has heard.
pub(super) type Counts = Vec<(u64, u64)>;

/// Events of a key of which nobody was told yet.
#[derive(Debug)]
pub(super) struct Pending {
    /// Those to tell.
    heard: Counts,
    /// Those of another node, which says that the key is ours: what we hear ourselves stands for them
    /// if we have it.
    echoed: Counts,
    /// Those of other nodes, which say that the key is not ours: theirs again if we have it.
    contested: Vec<(Place, Counts)>,
    last: Change,
    /// The term in which they were heard, if it was one, and here.
    since: Option<u64>,
    /// How often it was contested in vain.
    turns: u32,
}

// === impl Pending ===

impl Pending {
    pub(super) fn new(watchers: &[u64], change: Change, term: u64) -> Self {
        let mut pending = Self {
            heard: Vec::with_capacity(watchers.len()),
            echoed: Vec::new(),
            contested: Vec::new(),
            last: change,
            since: Some(term),
            turns: 0,
        };
        pending.hear(watchers, change);
        pending
    }

    /// Somebody is to be told what there is, whether it has changed or not.
    pub(super) fn owed(watcher: u64) -> Self {
        Self::due(vec![(watcher, 1)], Change::Removed { expired: false }, 0)
    }

    /// Somebody is to be told what these events have come to, of which it was not.
    pub(super) fn late(watcher: u64, events: u64, last: Change) -> Self {
        Self {
            last,
            ..Self::due(vec![(watcher, events)], last, 0)
        }
    }

    pub(super) fn hear(&mut self, watchers: &[u64], change: Change) {
        self.last = change;
        for number in watchers {
            add(&mut self.heard, *number, 1);
        }
    }

    /// What another node has heard, to be told here.
    fn due(heard: Counts, last: Change, turns: u32) -> Self {
        // An event that says that the key is gone may have been told elsewhere already.
        let last = match last {
            Change::Written => Change::Removed { expired: false },
            removed @ Change::Removed { .. } => removed,
        };
        Self {
            heard,
            echoed: Vec::new(),
            contested: Vec::new(),
            last,
            since: None,
            turns,
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (number, events) in other.heard {
            add(&mut self.heard, number, events);
        }
        for (number, events) in other.echoed {
            add(&mut self.echoed, number, events);
        }
        self.contested.extend(other.contested);
        if let Change::Removed { .. } = other.last {
            self.last = other.last;
        }
        self.since = self.since.filter(|term| other.since == Some(*term));
        self.turns = self.turns.max(other.turns);
    }

    /// Whether all was heard here, in this term.
    pub(super) fn is_of(&self, term: u64) -> bool {
        self.since == Some(term)
    }

    pub(super) fn turns(&self) -> u32 {
        self.turns
    }

    /// One of those who say that the key is not ours.
    pub(super) fn contender(&self) -> Option<&Place> {
        self.contested.first().map(|(place, _)| place)
    }

    /// For another who is to tell all of it.
    pub(super) fn into_due(self) -> Self {
        let (last, turns) = (self.last, self.turns);
        Self::due(self.into_counts(), last, turns)
    }

    /// For another whose own events may stand for it.
    pub(super) fn into_echo(self) -> Self {
        let mut echo = Self::due(Vec::new(), self.last, self.turns);
        echo.echoed = self.into_counts();
        echo
    }

    /// For another who has the key as little as this one.
    pub(super) fn into_contested(self, by: &Place) -> Self {
        let mut contested = Self::due(Vec::new(), self.last, self.turns);
        contested.contested.push((by.clone(), self.into_counts()));
        contested
    }

    /// For each other who contested it what that one is to try again.
    pub(super) fn contested(&mut self) -> Vec<(Place, Self)> {
        let (last, turns) = (self.last, self.turns + 1);
        let contested = std::mem::take(&mut self.contested).into_iter();
        contested
            .map(|(by, counts)| (by, Self::due(counts, last, turns)))
            .collect()
    }

    /// The same, to be tried here once more.
    pub(super) fn again(mut self) -> Self {
        self.turns += 1;
        self
    }

    /// What others have heard counts too: the key is with one of them.
    pub(super) fn adopt(&mut self) {
        for (number, events) in std::mem::take(&mut self.echoed) {
            add(&mut self.heard, number, events);
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
                        watcher.queue.pass();
                    }
                }
                // What another program keeps there is no value of ours.
                (Err(Error::Corrupt(_)), _) => {
                    if let Some(watcher) = watcher {
                        watcher.queue.pass();
                    }
                }
                (Err(error), _) => {
                    tracing::warn!("a watched key cannot be read: {error}");
                    if let Some(watcher) = watcher {
                        watcher.queue.gap();
                    }
                }
            }
        }
    }

    /// Tells that something was missed.
    pub(super) fn gap(self, members: &Members) {
        for (number, _) in self.into_counts() {
            if let Some(watcher) = members.get(number) {
                watcher.queue.gap();
            }
        }
    }

    fn into_counts(self) -> Counts {
        let mut counts = self.heard;
        let contested = self.contested.into_iter().flat_map(|(_, counts)| counts);
        for (number, events) in self.echoed.into_iter().chain(contested) {
            add(&mut counts, number, events);
        }
        counts
    }
}

fn add(counts: &mut Counts, watcher: u64, events: u64) {
    match counts.iter_mut().find(|(number, _)| *number == watcher) {
        Some((_, counted)) => *counted += events,
        None => counts.push((watcher, events)),
    }
}

fn tell_set(watcher: Option<&Arc<Watcher>>, name: &[u8], value: &Bytes, events: u64) {
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

/// Tells that a key is gone.
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
