//! One copy of a cache, as a state machine: it is given the time, local writes and messages, and
//! answers what to send. It has no clock, no socket and no randomness.

use std::sync::Arc;

use bytes::Bytes;
use keywell_store::Kind;

use super::clock::Stamp;
use super::entry::{Element, Entry};
use super::exchange::Exchange;
use super::message::{Effect, Message};
use super::origin::{Dot, Origin};
use super::seen::Seen;
use super::sizes::Size;
use super::state::State;
use super::update::Update;

#[derive(Debug)]
pub(crate) struct Replica {
    /// Who it is to others.
    origin: Origin,
    /// Who its writes are by: itself, or a later incarnation.
    writer: Origin,
    /// The number of its last write.
    written: u64,
    /// How many origins were known, and which incarnation of its node was the latest, when it was last
    /// examined whether its writer is too old.
    examined: (usize, u64),
    state: State,
    exchange: Exchange,
}

/// Why a write did not take place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    NotANumber,
    Overflow,
    /// The key has a value of this kind.
    OtherKind(Kind),
}

// === impl Replica ===

impl Replica {
    /// An empty copy. A message with entries has about so many bytes of them.
    pub(crate) fn new(origin: Origin, message_bytes: usize) -> Self {
        Self {
            origin,
            writer: origin,
            written: 0,
            examined: (0, 0),
            state: State::default(),
            exchange: Exchange::new(message_bytes),
        }
    }

    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.state.table.get(key)
    }

    /// How many entries the list and the set of a key have.
    pub(crate) fn size(&self, key: &str) -> Size {
        self.state.table.sizes().get(key)
    }

    /// The keys that begin so and have a list or a set, in order, behind a key if one is given.
    pub(crate) fn collections_from<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = &'a str> {
        self.state.table.sizes().behind_key(prefix, after)
    }

    /// The keys that begin so and hold anything, in order, behind a key if one is given: with the entry
    /// of a value, or none for a list or a set.
    pub(crate) fn all_from<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a str, Option<&'a Entry>)> {
        let mut values = self.entries_from(prefix, after).peekable();
        let mut collections = self.collections_from(prefix, after).peekable();
        std::iter::from_fn(move || {
            let value = values.peek().map(|(key, _)| *key).map(|key| &**key);
            match (value, collections.peek().copied()) {
                (None, None) => None,
                (Some(value), other) if other.is_none_or(|other| value <= other) => {
                    collections.next_if(|other| *other == value);
                    values.next().map(|(key, entry)| (&**key, Some(entry)))
                }
                _ => collections.next().map(|key| (key, None)),
            }
        })
    }

    /// A stamp for what is written now.
    pub(crate) fn next_stamp(&mut self, now: u64) -> Stamp {
        self.state.clock.next(now, self.writer)
    }

    /// The value that shows under a key, and what differs between entries of different writes.
    pub(crate) fn shown(&self, key: &str) -> Option<(Bytes, u64)> {
        self.state.table.shown(key)
    }

    /// Differs between entries of different writes; 0 if there is none.
    pub(crate) fn fingerprint(&self, key: &str) -> u64 {
        self.state.table.fingerprint(key)
    }

    /// The entries whose keys begin so, in order, behind a key if one is given.
    pub(crate) fn entries_from<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a Entry)> {
        self.state.table.behind_key(prefix, after)
    }

    /// Whether it has what another copy had, or was [said](Self::mark_joined) to be the first.
    pub(crate) fn has_joined(&self) -> bool {
        self.exchange.has_joined()
    }

    /// Ends its joining: no other copy has answered.
    pub(crate) fn mark_joined(&mut self) {
        self.exchange.mark_joined();
    }

    /// How many bytes keys and values have, with what each costs besides.
    pub(crate) fn bytes(&self) -> usize {
        self.state.table.bytes()
    }

    /// The key that was written longest ago.
    pub(crate) fn oldest(&mut self) -> Option<Arc<str>> {
        self.state.table.oldest()
    }

    #[cfg(test)]
    pub(crate) fn seen(&self) -> &Seen {
        &self.state.seen
    }

    #[cfg(test)]
    pub(crate) fn root(&self) -> u64 {
        self.state.table.writes().tree().root()
    }

    /// Checks that what it counts agrees with what it holds.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn check(&self) {
        self.state.table.check();
    }

    /// Says what it has. To be called at intervals.
    pub(crate) fn tick(&mut self, now: u64) -> Vec<Effect> {
        self.exchange.tick(&self.state, now)
    }

    /// Takes a message.
    pub(crate) fn receive(&mut self, from: Origin, message: Message, now: u64) -> Vec<Effect> {
        if from == self.origin {
            return Vec::new();
        }
        let mut effects = self.exchange.receive(&mut self.state, from, message, now);
        effects.extend(self.remove_overruled(&effects));
        let seen = &self.state.seen;
        let known = (seen.origins(), seen.latest(self.origin.node));
        if self.examined != known && !self.exchange.is_pulling() {
            self.examined = known;
            self.renew_if_old(now);
        }
        effects
    }

    /// Writes as a later incarnation from now on if so many others of its node came later that its
    /// writes would soon count as seen.
    fn renew_if_old(&mut self, now: u64) {
        if self.state.seen.later_than(self.writer) < Seen::INCARNATIONS / 2 {
            return;
        }
        // Distinct from those of others that are made in the same microsecond.
        let own = self.origin.incarnation & 0xff;
        let latest = self.state.seen.latest(self.origin.node);
        self.writer.incarnation = ((now << 8) | own).max(latest.saturating_add(1 + own));
        self.written = 0;
    }

    /// Removes what this process wrote to keys that does not show any more: it had not seen the
    /// value that was set later, or it would have removed that. The later value is sent along, so that
    /// no copy has neither.
    fn remove_overruled(&mut self, applied: &[Effect]) -> Vec<Effect> {
        let mut effects = Vec::new();
        for effect in applied {
            let Effect::Applied(key) = effect else {
                continue;
            };
            let Some(entry) = self.state.table.get(key) else {
                continue;
            };
            if entry.elements.len() < 2 {
                continue;
            }
            let replaced = entry.overruled(self.writer);
            let shown = entry
                .base()
                .map(|(dot, stamp, value)| Entry::new(dot, Element::Value(stamp, value.clone())));
            effects.extend(self.replace(key, replaced, shown));
        }
        effects
    }

    fn next_dot(&mut self) -> Dot {
        self.written += 1;
        let dot = Dot {
            origin: self.writer,
            number: self.written,
        };
        self.state.seen.add(dot);
        dot
    }

    /// Sets a key, whatever it was before.
    pub(crate) fn set(&mut self, key: &str, value: Bytes, now: u64) -> Vec<Effect> {
        let stamp = self.next_stamp(now);
        let entry = Entry::new(self.next_dot(), Element::Value(stamp, value));
        let mut replaced = Vec::new();
        self.state.table.change(key, |held| {
            replaced.extend(held.elements.keys());
            held.clone_from(&entry);
        });
        self.broadcast(Update {
            key: key.to_owned(),
            entry: Some(entry),
            replaced,
            adds_to: None,
        })
    }

    /// Deletes a key.
    pub(crate) fn delete(&mut self, key: &str) -> Vec<Effect> {
        let all = self.state.table.dots_of(key);
        self.remove(key, all)
    }

    /// Adds to a number, and answers the sum.
    pub(crate) fn increment(
        &mut self,
        key: &str,
        by: i64,
        now: u64,
    ) -> Result<(i64, Vec<Effect>), Refused> {
        let nothing = Entry::default();
        let entry = self.entry(key).unwrap_or(&nothing);
        let number = entry.number().ok_or(Refused::NotANumber)?;
        number.checked_add(by).ok_or(Refused::Overflow)?;
        let base = entry.base().map(|(_, stamp, _)| stamp);
        let before = entry.sum_of(self.writer, base);
        let total = before.map_or(0, |(_, total)| total);
        let total = total.checked_add(by.into()).ok_or(Refused::Overflow)?;
        let sum = Element::Sum {
            base,
            total,
            micros: self.next_stamp(now).micros,
        };
        let replaced = before.into_iter().map(|(dot, _)| dot).collect();
        let effects = self.add(key, sum, replaced);
        // Not one more than before where nodes together went past the bounds.
        let number = self.entry(key).and_then(Entry::number);
        Ok((number.unwrap_or_default(), effects))
    }

    /// Adds an element to an entry, in place of others.
    pub(crate) fn add(&mut self, key: &str, element: Element, replaced: Vec<Dot>) -> Vec<Effect> {
        let dot = self.next_dot();
        let mut adds_to = None;
        self.state.table.change(key, |entry| {
            adds_to = entry.base().map(|(dot, ..)| dot);
            for dot in &replaced {
                entry.elements.remove(dot);
            }
            entry.elements.insert(dot, element.clone());
        });
        self.broadcast(Update {
            key: key.to_owned(),
            entry: Some(Entry::new(dot, element)),
            adds_to,
            replaced,
        })
    }

    /// Removes elements of an entry.
    pub(crate) fn remove(&mut self, key: &str, dots: Vec<Dot>) -> Vec<Effect> {
        self.replace(key, dots, None)
    }

    /// Removes elements of an entry, in favour of what it holds besides, if that is given.
    fn replace(&mut self, key: &str, replaced: Vec<Dot>, by: Option<Entry>) -> Vec<Effect> {
        if replaced.is_empty() {
            return Vec::new();
        }
        self.state.table.remove(key, &replaced);
        self.broadcast(Update {
            key: key.to_owned(),
            entry: by,
            replaced,
            adds_to: None,
        })
    }

    /// Sends a write to all, in several messages if it replaces very many others. Each has the write, so
    /// that no copy drops what it replaces without it.
    fn broadcast(&self, mut update: Update) -> Vec<Effect> {
        let most = (self.exchange.message_bytes() / Dot::BYTES).max(1);
        let rest = update.replaced.split_off(most.min(update.replaced.len()));
        let rest = rest.chunks(most).map(|replaced| Update {
            replaced: replaced.to_vec(),
            ..update.clone()
        });
        let rest: Vec<_> = rest.collect();
        let all = std::iter::once(update).chain(rest);
        all.map(|update| Effect::Broadcast(Message::Update(update)))
            .collect()
    }
}
