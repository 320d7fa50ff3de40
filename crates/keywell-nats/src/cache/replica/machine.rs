//! One copy of a cache, as a state machine: it is given the time, local writes and messages, and
//! answers what to send. It has no clock, no socket and no randomness.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::clock::Clock;
use super::entry::{Element, Entry, Kind};
use super::message::{Change, Effect, Message};
use super::origin::{Dot, Origin};
use super::seen::Seen;
use super::tree::{self, Tree};

/// How many entries a chunk has at most.
const CHUNK: usize = if cfg!(test) { 5 } else { 4096 };
/// How many ranges, leaves or keys a comparison goes into at once.
const AT_ONCE: usize = if cfg!(test) { 3 } else { 32 };
/// How long a pull waits for a chunk, in microseconds.
const PATIENCE: u64 = 1_000_000;
/// How far ahead a clock may be without a report, in microseconds.
const AHEAD: u64 = 60_000_000;

#[derive(Debug)]
pub(crate) struct Replica {
    origin: Origin,
    clock: Clock,
    /// The number of the last write of our own.
    written: u64,
    seen: Seen,
    entries: HashMap<Arc<str>, Entry>,
    /// The keys by leaf of the tree.
    by_leaf: BTreeSet<(u16, Arc<str>)>,
    /// The keys in the order of their bytes.
    by_key: BTreeSet<Arc<str>>,
    /// The keys by when they were written last.
    by_age: BTreeSet<(u64, Arc<str>)>,
    bytes: usize,
    tree: Tree,
    pull: Option<Pull>,
    /// How many pulls there were.
    pulls: u64,
    /// Where a comparison goes on, so that each part has its turn.
    turn: u8,
    has_joined: bool,
    /// How many bytes of entries a message has.
    message_bytes: usize,
}

#[derive(Debug)]
struct Pull {
    number: u64,
    peer: Origin,
    /// What was seen when it began.
    asked: Seen,
    /// What the peer had seen when it began, once it has answered.
    target: Option<Seen>,
    from: String,
    until: u64,
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
    pub(crate) fn new(origin: Origin, message_bytes: usize) -> Self {
        Self {
            origin,
            clock: Clock::default(),
            written: 0,
            seen: Seen::default(),
            entries: HashMap::new(),
            by_leaf: BTreeSet::new(),
            by_key: BTreeSet::new(),
            by_age: BTreeSet::new(),
            bytes: 0,
            tree: Tree::default(),
            pull: None,
            pulls: 0,
            turn: 0,
            has_joined: false,
            message_bytes,
        }
    }

    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    pub(crate) fn get(&self, key: &str) -> Option<Bytes> {
        self.entries.get(key).and_then(Entry::value)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.entries.keys()
    }

    /// The entries whose keys begin so, in order, behind a key if one is given.
    pub(crate) fn keys_from<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a str, &'a Entry)> {
        let from = match after {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(prefix),
        };
        let keys = self.by_key.range::<str, _>((from, Bound::Unbounded));
        let keys = keys.take_while(move |key| key.starts_with(prefix));
        keys.filter_map(|key| Some((&**key, self.entries.get(key)?)))
    }

    /// Whether it has what another copy had.
    pub(crate) fn has_joined(&self) -> bool {
        self.has_joined
    }

    /// How many bytes keys and values have, with what each costs besides.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The key that was written longest ago.
    pub(crate) fn oldest(&self) -> Option<Arc<str>> {
        self.by_age.first().map(|(_, key)| key.clone())
    }

    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    pub(crate) fn root(&self) -> u64 {
        self.tree.root()
    }

    fn next_dot(&mut self) -> Dot {
        self.written += 1;
        let dot = Dot {
            origin: self.origin,
            number: self.written,
        };
        self.seen.add(dot);
        dot
    }

    /// Sets a key, whatever it was before.
    pub(crate) fn set(&mut self, key: &str, value: Bytes, now: u64) -> Vec<Effect> {
        let entry = Entry {
            stamp: Some(self.clock.next(now, self.origin)),
            elements: [(self.next_dot(), Element::Value(value))].into(),
        };
        let replaced = self.dots_of(key);
        self.put(key, Some(entry.clone()));
        broadcast(Change {
            key: key.to_owned(),
            entry: Some(entry),
            replaced,
            adds_to: None,
        })
    }

    /// Deletes a key.
    pub(crate) fn delete(&mut self, key: &str) -> Vec<Effect> {
        let all = self.dots_of(key);
        self.remove(key, all)
    }

    /// Adds to a number, and answers the sum.
    pub(crate) fn increment(
        &mut self,
        key: &str,
        by: i64,
        now: u64,
    ) -> Result<(i64, Vec<Effect>), Refused> {
        let entry = self.of_kind(key, Kind::Value)?;
        let number = entry.number().ok_or(Refused::NotANumber)?;
        let answer = number.checked_add(by).ok_or(Refused::Overflow)?;
        let before = entry.sum_of(self.origin);
        let total = before.map_or(0, |(_, total)| total);
        let total = total.checked_add(by).ok_or(Refused::Overflow)?;
        let micros = self.clock.next(now, self.origin).micros;
        let replaced = before.into_iter().map(|(dot, _)| dot).collect();
        Ok((
            answer,
            self.add(key, entry, Element::Sum { total, micros }, replaced),
        ))
    }

    /// Appends to a list, and answers its length.
    pub(crate) fn push(
        &mut self,
        key: &str,
        item: &str,
        now: u64,
    ) -> Result<(usize, Vec<Effect>), Refused> {
        let entry = self.of_kind(key, Kind::List)?;
        let length = entry.items().len() + 1;
        let stamp = self.clock.next(now, self.origin);
        let item = Element::Item(stamp, item.to_owned());
        Ok((length, self.add(key, entry, item, Vec::new())))
    }

    /// Deletes an item of a list wherever it is; whether it was there.
    pub(crate) fn delete_item(
        &mut self,
        key: &str,
        item: &str,
    ) -> Result<(bool, Vec<Effect>), Refused> {
        let entry = self.of_kind(key, Kind::List)?;
        let items = entry.items().into_iter().filter(|(_, text)| *text == item);
        let dots: Vec<_> = items.map(|(dot, _)| dot).collect();
        Ok((!dots.is_empty(), self.remove(key, dots)))
    }

    /// Adds to a set; whether it is new to it.
    pub(crate) fn add_member(
        &mut self,
        key: &str,
        member: &str,
        now: u64,
    ) -> Result<(bool, Vec<Effect>), Refused> {
        let entry = self.of_kind(key, Kind::Set)?;
        // It is added again, so that a delete elsewhere that has not seen this does not remove it.
        let dots = dots_of_member(&entry, member);
        let stamp = self.clock.next(now, self.origin);
        let element = Element::Member(stamp, member.to_owned());
        Ok((dots.is_empty(), self.add(key, entry, element, dots)))
    }

    /// Removes from a set; whether it was there.
    pub(crate) fn remove_member(
        &mut self,
        key: &str,
        member: &str,
    ) -> Result<(bool, Vec<Effect>), Refused> {
        let entry = self.of_kind(key, Kind::Set)?;
        let dots = dots_of_member(&entry, member);
        Ok((!dots.is_empty(), self.remove(key, dots)))
    }

    fn of_kind(&self, key: &str, kind: Kind) -> Result<Entry, Refused> {
        let entry = self.entries.get(key).cloned().unwrap_or_default();
        match entry.kind() {
            Some(other) if other != kind => Err(Refused::OtherKind(other)),
            _ => Ok(entry),
        }
    }

    /// Adds an element to an entry, in place of others.
    fn add(
        &mut self,
        key: &str,
        mut entry: Entry,
        element: Element,
        replaced: Vec<Dot>,
    ) -> Vec<Effect> {
        let dot = self.next_dot();
        let change = Change {
            key: key.to_owned(),
            entry: Some(Entry {
                stamp: entry.stamp,
                elements: [(dot, element.clone())].into(),
            }),
            adds_to: entry.base().map(|(dot, _)| dot),
            replaced,
        };
        for dot in &change.replaced {
            entry.elements.remove(dot);
        }
        entry.elements.insert(dot, element);
        self.put(key, Some(entry));
        broadcast(change)
    }

    /// Removes elements of an entry.
    fn remove(&mut self, key: &str, dots: Vec<Dot>) -> Vec<Effect> {
        let Some(mut entry) = self.entries.get(key).cloned() else {
            return Vec::new();
        };
        if dots.is_empty() {
            return Vec::new();
        }
        entry.elements.retain(|dot, _| !dots.contains(dot));
        self.put(key, (!entry.is_empty()).then_some(entry));
        broadcast(Change {
            key: key.to_owned(),
            entry: None,
            replaced: dots,
            adds_to: None,
        })
    }

    /// Says what it has. To be called at intervals.
    pub(crate) fn tick(&mut self, now: u64) -> Vec<Effect> {
        if self.pull.as_ref().is_some_and(|pull| pull.until <= now) {
            self.pull = None;
        }
        vec![Effect::Broadcast(self.beacon(false))]
    }

    fn beacon(&self, is_answer: bool) -> Message {
        Message::Beacon {
            seen: self.seen.fingerprint(),
            root: self.tree.root(),
            is_answer,
        }
    }

    /// Takes a message.
    pub(crate) fn receive(&mut self, from: Origin, message: Message, now: u64) -> Vec<Effect> {
        if from == self.origin {
            return Vec::new();
        }
        match message {
            Message::Change(change) => self.take_change(change, now),
            Message::Beacon {
                seen,
                root,
                is_answer,
            } => {
                let mut effects = self.compare(from, seen, root, now);
                if !is_answer && seen != self.seen.fingerprint() {
                    effects.push(Effect::Send(from, self.beacon(true)));
                }
                effects
            }
            Message::Pull {
                number,
                seen,
                from: key,
            } => {
                vec![Effect::Send(from, self.chunk(number, &seen, key))]
            }
            Message::Chunk {
                seen,
                number,
                from: key,
                entries,
                next,
            } => self.take_chunk(from, (seen, (number, key), entries, next), now),
            Message::Ranges(theirs) => self.compare_ranges(from, &theirs),
            Message::Leaves(theirs) => self.compare_leaves(from, &theirs),
            Message::Keys(theirs) => self.compare_keys(from, theirs),
            Message::Entries {
                seen,
                entries,
                asks,
            } => {
                let keys: Vec<String> = entries.iter().map(|(key, _)| key.clone()).collect();
                let mut effects = Vec::new();
                for (key, entry) in entries {
                    effects.extend(self.take(&key, entry.as_ref(), &seen, now));
                }
                if asks {
                    effects.push(Effect::Send(from, self.entries_of(keys, false)));
                }
                effects
            }
        }
    }

    fn take_change(&mut self, change: Change, now: u64) -> Vec<Effect> {
        // The value it adds to is on its way, or comes with a pull; and so will this.
        if change.adds_to.is_some_and(|dot| !self.seen.has(dot)) {
            return Vec::new();
        }
        let mut seen = Seen::default();
        for dot in &change.replaced {
            seen.add(*dot);
        }
        let effects = self.take(&change.key, change.entry.as_ref(), &seen, now);
        for dot in change.replaced {
            self.seen.add(dot);
        }
        effects
    }

    /// Merges what a peer holds of a key that has seen these writes, and those of the entry.
    fn take(&mut self, key: &str, theirs: Option<&Entry>, seen: &Seen, now: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Some(stamp) = theirs.and_then(|entry| entry.stamps().max()) {
            if stamp.micros > now + AHEAD {
                effects.push(Effect::ClockAhead(stamp.origin, stamp.micros - now));
            }
            self.clock.see(stamp);
        }
        let ours = self.entries.get(key);
        let merged = Entry::merge(ours, &self.seen, theirs, seen);
        // They are held from now on, or something later is.
        for dot in theirs.into_iter().flat_map(|entry| entry.elements.keys()) {
            self.seen.add(*dot);
        }
        if merged.as_ref() != ours {
            self.put(key, merged);
            effects.push(Effect::Changed(key.to_owned()));
        }
        effects
    }

    fn compare(&mut self, peer: Origin, seen: u64, root: u64, now: u64) -> Vec<Effect> {
        if seen != self.seen.fingerprint() {
            if self.pull.is_some() {
                return Vec::new();
            }
            self.pulls += 1;
            self.pull = Some(Pull {
                number: self.pulls,
                peer,
                asked: self.seen.clone(),
                target: None,
                from: String::new(),
                until: now + PATIENCE,
            });
            return self.ask();
        }
        if root != self.tree.root() {
            return vec![Effect::Send(
                peer,
                Message::Ranges(self.tree.ranges().to_vec()),
            )];
        }
        Vec::new()
    }

    fn ask(&self) -> Vec<Effect> {
        let asked = self.pull.iter().map(|pull| {
            Effect::Send(
                pull.peer,
                Message::Pull {
                    number: pull.number,
                    seen: pull.asked.clone(),
                    from: pull.from.clone(),
                },
            )
        });
        asked.collect()
    }

    fn chunk(&self, number: u64, seen: &Seen, from: String) -> Message {
        let start = (tree::leaf(&from), Arc::from(from.as_str()));
        let entries = self.by_leaf.range(
            if from.is_empty() {
                (0, Arc::from(""))
            } else {
                start
            }..,
        );
        let entries = entries.filter_map(|(_, key)| Some((key, self.entries.get(key)?)));
        let mut wanted =
            entries.filter(|(_, entry)| entry.elements.keys().any(|dot| !seen.has(*dot)));
        let mut bytes = 0;
        let mut entries = Vec::new();
        let mut next = None;
        for (key, entry) in wanted.by_ref() {
            if entries.len() == CHUNK || bytes > self.message_bytes {
                next = Some(key.to_string());
                break;
            }
            bytes += key.len() + entry.bytes();
            entries.push((key.to_string(), entry.clone()));
        }
        Message::Chunk {
            seen: self.seen.clone(),
            number,
            from,
            entries,
            next,
        }
    }

    fn take_chunk(
        &mut self,
        peer: Origin,
        (seen, from, entries, next): (Seen, (u64, String), Vec<(String, Entry)>, Option<String>),
        now: u64,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (key, entry) in &entries {
            effects.extend(self.take(key, Some(entry), &seen, now));
        }
        let Some(pull) = &mut self.pull else {
            return effects;
        };
        if pull.peer != peer || (pull.number, &pull.from) != (from.0, &from.1) {
            return effects;
        }
        let target = pull.target.get_or_insert(seen);
        match next {
            Some(next) => {
                pull.from = next;
                pull.until = now + PATIENCE;
                effects.extend(self.ask());
            }
            None => {
                self.seen.join(target);
                self.pull = None;
                self.has_joined = true;
            }
        }
        effects
    }

    fn compare_ranges(&mut self, peer: Origin, theirs: &[u64]) -> Vec<Effect> {
        if theirs.len() != tree::WIDTH {
            return Vec::new();
        }
        self.turn = self.turn.wrapping_add(1);
        let turn = self.turn;
        let ranges = (0..=u8::MAX).map(|at| at.wrapping_add(turn));
        let differ =
            ranges.filter(|at| theirs[usize::from(*at)] != self.tree.ranges()[usize::from(*at)]);
        let leaves: Vec<_> = differ
            .take(AT_ONCE)
            .map(|at| (at, self.tree.leaves(at).to_vec()))
            .collect();
        vec![Effect::Send(peer, Message::Leaves(leaves))]
    }

    fn compare_leaves(&mut self, peer: Origin, theirs: &[(u8, Vec<u64>)]) -> Vec<Effect> {
        let mut leaves = Vec::new();
        for (range, theirs) in theirs {
            for (at, (theirs, ours)) in theirs.iter().zip(self.tree.leaves(*range)).enumerate() {
                if theirs != ours && leaves.len() < AT_ONCE {
                    leaves.push(u16::from(*range) * 256 + at as u16);
                }
            }
        }
        let keys = self.keys_in(&leaves);
        vec![Effect::Send(peer, Message::Keys(keys))]
    }

    fn keys_in(&self, leaves: &[u16]) -> Vec<(u16, Vec<(String, u64)>)> {
        let keys = leaves.iter().map(|leaf| {
            let from = (*leaf, Arc::from(""));
            let keys = self.by_leaf.range(from..).take_while(|(of, _)| of == leaf);
            let keys = keys.filter_map(|(_, key)| {
                Some((key.to_string(), self.entries.get(key)?.fingerprint(key)))
            });
            (*leaf, keys.collect())
        });
        keys.collect()
    }

    fn compare_keys(
        &mut self,
        peer: Origin,
        theirs: Vec<(u16, Vec<(String, u64)>)>,
    ) -> Vec<Effect> {
        let leaves: Vec<u16> = theirs.iter().map(|(leaf, _)| *leaf).collect();
        let ours: BTreeMap<String, u64> = self
            .keys_in(&leaves)
            .into_iter()
            .flat_map(|(_, keys)| keys)
            .collect();
        let theirs: BTreeMap<String, u64> = theirs.into_iter().flat_map(|(_, keys)| keys).collect();
        let all = ours.keys().chain(theirs.keys());
        let differ = all.filter(|key| ours.get(*key) != theirs.get(*key));
        let mut keys: Vec<String> = differ.cloned().collect();
        keys.sort_unstable();
        keys.dedup();
        vec![Effect::Send(peer, self.entries_of(keys, true))]
    }

    fn entries_of(&self, keys: Vec<String>, asks: bool) -> Message {
        let mut bytes = 0;
        let entries = keys.into_iter().map_while(|key| {
            // The rest differs in the next comparison, too.
            if bytes > self.message_bytes {
                return None;
            }
            let entry = self.entries.get(key.as_str()).cloned();
            bytes += key.len() + entry.as_ref().map_or(0, Entry::bytes);
            Some((key, entry))
        });
        Message::Entries {
            seen: self.seen.clone(),
            entries: entries.collect(),
            asks,
        }
    }

    fn dots_of(&self, key: &str) -> Vec<Dot> {
        let entry = self.entries.get(key).into_iter();
        entry
            .flat_map(|entry| entry.elements.keys().copied())
            .collect()
    }

    fn put(&mut self, key: &str, entry: Option<Entry>) {
        let known = self.entries.get_key_value(key).map(|(key, _)| key.clone());
        let key = known.unwrap_or_else(|| Arc::from(key));
        let new = entry.as_ref().map(|entry| entry.fingerprint(&key));
        let old = self.entries.remove(&key);
        if let Some(old) = &old {
            self.by_age.remove(&(old.written(), key.clone()));
            self.bytes -= key.len() + old.bytes();
        }
        let leaf = tree::leaf(&key);
        self.tree
            .replace(leaf, old.map(|entry| entry.fingerprint(&key)), new);
        match entry {
            Some(entry) => {
                self.bytes += key.len() + entry.bytes();
                self.by_age.insert((entry.written(), key.clone()));
                self.by_leaf.insert((leaf, key.clone()));
                self.by_key.insert(key.clone());
                self.entries.insert(key, entry);
            }
            None => {
                self.by_key.remove(&key);
                self.by_leaf.remove(&(leaf, key));
            }
        }
    }
}

fn dots_of_member(entry: &Entry, member: &str) -> Vec<Dot> {
    let members = entry.members().filter(|(_, text)| *text == member);
    members.map(|(dot, _)| dot).collect()
}

fn broadcast(change: Change) -> Vec<Effect> {
    vec![Effect::Broadcast(Message::Change(change))]
}
