//! How two copies become equal. Each says in beacons what it has. Where a peer has seen other writes,
//! a copy pulls the entries that have them, in chunks. Where both have seen the same and hold
//! different entries, they compare fingerprints: of ranges, of leaves, of keys; then they send each
//! other the entries that differ.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::Entry;
use super::message::{Effect, Message};
use super::origin::{Dot, Origin};
use super::seen::Seen;
use super::state::State;
use super::tree;

/// How many entries a chunk has at most.
const CHUNK: usize = if cfg!(test) { 5 } else { 4096 };
/// How many ranges, leaves or keys a comparison goes into at once.
const AT_ONCE: usize = if cfg!(test) { 3 } else { 32 };
/// How long a pull waits for a chunk, in microseconds.
const PATIENCE: u64 = 1_000_000;

/// What a copy knows of its exchanges with others.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// How many bytes of entries a message has.
    message_bytes: usize,
    pull: Option<Pull>,
    /// How many pulls there were.
    pulls: u64,
    /// Where a comparison goes on, so that each part has its turn.
    turn: u8,
    has_joined: bool,
}

#[derive(Debug)]
struct Pull {
    number: u64,
    peer: Origin,
    /// What was seen when it began.
    asked: Seen,
    /// What the peer had seen when it began, once it has answered.
    target: Option<Seen>,
    from: Dot,
    until: u64,
}

/// A part of what a peer was asked for.
struct Chunk {
    seen: Seen,
    number: u64,
    from: Dot,
    entries: Vec<(String, Entry)>,
    next: Option<Dot>,
}

// === impl Exchange ===

impl Exchange {
    pub(crate) fn new(message_bytes: usize) -> Self {
        Self {
            message_bytes,
            pull: None,
            pulls: 0,
            turn: 0,
            has_joined: false,
        }
    }

    /// Whether the copy has what another had, or is the first.
    pub(crate) fn has_joined(&self) -> bool {
        self.has_joined
    }

    pub(crate) fn mark_joined(&mut self) {
        self.has_joined = true;
    }

    /// Says what the copy has. To be called at intervals.
    pub(crate) fn tick(&mut self, state: &State, now: u64) -> Vec<Effect> {
        if self.pull.as_ref().is_some_and(|pull| pull.until <= now) {
            self.pull = None;
        }
        vec![Effect::Broadcast(beacon(state, false))]
    }

    /// Takes a message.
    pub(crate) fn receive(
        &mut self,
        state: &mut State,
        from: Origin,
        message: Message,
        now: u64,
    ) -> Vec<Effect> {
        match message {
            Message::Change(change) => state.take_change(change, now),
            Message::Changes(changes) => {
                let changes = changes.into_iter();
                changes
                    .flat_map(|change| state.take_change(change, now))
                    .collect()
            }
            Message::Beacon {
                seen,
                root,
                is_answer,
            } => {
                let mut effects = Vec::new();
                // A copy that joins takes what one has that has joined, and answers no other.
                if self.has_joined || is_answer {
                    effects = self.compare(state, from, (seen, root), now);
                }
                if self.has_joined && !is_answer && seen != state.seen.fingerprint() {
                    effects.push(Effect::Send(from, beacon(state, true)));
                }
                effects
            }
            Message::Pull {
                number,
                seen,
                from: first,
            } => {
                let chunk = chunk(state, (number, first), &seen, self.message_bytes);
                vec![Effect::Send(from, chunk)]
            }
            Message::Chunk {
                seen,
                number,
                from: first,
                entries,
                next,
            } => {
                let chunk = Chunk {
                    seen,
                    number,
                    from: first,
                    entries,
                    next,
                };
                self.take_chunk(state, from, chunk, now)
            }
            Message::Ranges(theirs) => self.compare_ranges(state, from, &theirs),
            Message::Leaves(theirs) => {
                let keys = keys_in(state, differing_leaves(state, &theirs));
                vec![Effect::Send(from, Message::Keys(keys))]
            }
            Message::Keys(theirs) => {
                let keys = differing_keys(state, theirs);
                let entries = entries_of(state, keys, true, self.message_bytes);
                vec![Effect::Send(from, entries)]
            }
            Message::Entries {
                seen,
                entries,
                asks,
            } => {
                let keys: Vec<String> = entries.iter().map(|(key, _)| key.clone()).collect();
                let mut effects = Vec::new();
                for (key, entry) in entries {
                    effects.extend(state.take(&key, entry.as_ref(), &seen, now));
                }
                if asks {
                    let has_changed = effects
                        .iter()
                        .any(|effect| matches!(effect, Effect::Changed(_)));
                    let entries = entries_of(state, keys, false, self.message_bytes);
                    effects.push(Effect::Send(from, entries));
                    // The comparison goes on at once, as long as that changes something.
                    if has_changed {
                        let ranges = state.table.tree().ranges().to_vec();
                        effects.push(Effect::Send(from, Message::Ranges(ranges)));
                    }
                }
                effects
            }
        }
    }

    /// Compares what a peer has, in short, with what this copy has.
    fn compare(
        &mut self,
        state: &State,
        peer: Origin,
        (seen, root): (u64, u64),
        now: u64,
    ) -> Vec<Effect> {
        if seen != state.seen.fingerprint() {
            if self.pull.is_some() {
                return Vec::new();
            }
            self.pulls += 1;
            self.pull = Some(Pull {
                number: self.pulls,
                peer,
                asked: state.seen.clone(),
                target: None,
                from: Dot::FIRST,
                until: now + PATIENCE,
            });
            return self.ask();
        }
        if root != state.table.tree().root() {
            let ranges = state.table.tree().ranges().to_vec();
            return vec![Effect::Send(peer, Message::Ranges(ranges))];
        }
        Vec::new()
    }

    /// Asks for the next chunk.
    fn ask(&self) -> Vec<Effect> {
        let asked = self.pull.iter().map(|pull| {
            let message = Message::Pull {
                number: pull.number,
                seen: pull.asked.clone(),
                from: pull.from,
            };
            Effect::Send(pull.peer, message)
        });
        asked.collect()
    }

    fn take_chunk(
        &mut self,
        state: &mut State,
        peer: Origin,
        chunk: Chunk,
        now: u64,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (key, entry) in &chunk.entries {
            effects.extend(state.take(key, Some(entry), &chunk.seen, now));
        }
        let Some(pull) = &mut self.pull else {
            return effects;
        };
        if pull.peer != peer || (pull.number, pull.from) != (chunk.number, chunk.from) {
            return effects;
        }
        let target = pull.target.get_or_insert(chunk.seen);
        if let Some(next) = chunk.next {
            pull.from = next;
            pull.until = now + PATIENCE;
            effects.extend(self.ask());
        } else {
            state.seen.join(target);
            self.pull = None;
            self.has_joined = true;
        }
        effects
    }

    fn compare_ranges(&mut self, state: &State, peer: Origin, theirs: &[u64]) -> Vec<Effect> {
        if theirs.len() != tree::WIDTH {
            return Vec::new();
        }
        self.turn = self.turn.wrapping_add(1);
        let turn = self.turn;
        let tree = state.table.tree();
        let ranges = (0..=u8::MAX).map(|at| at.wrapping_add(turn));
        let differ = ranges.filter(|at| {
            let at = usize::from(*at);
            theirs[at] != tree.ranges()[at]
        });
        let leaves = differ.map(|at| (at, tree.leaves(at).to_vec()));
        let leaves = Message::Leaves(leaves.take(AT_ONCE).collect());
        vec![Effect::Send(peer, leaves)]
    }
}

fn beacon(state: &State, is_answer: bool) -> Message {
    Message::Beacon {
        seen: state.seen.fingerprint(),
        root: state.table.tree().root(),
        is_answer,
    }
}

/// The entries with writes that a peer has not seen, from one of these writes on.
fn chunk(state: &State, (number, from): (u64, Dot), seen: &Seen, most: usize) -> Message {
    let mut bytes = 0;
    let mut keys = BTreeSet::new();
    let mut entries = Vec::new();
    let mut next = None;
    for (dot, key) in state.table.unseen(seen, from) {
        if entries.len() == CHUNK || bytes > most {
            next = Some(dot);
            break;
        }
        if let Some(entry) = state.table.get(key)
            && keys.insert(key)
        {
            bytes += key.len() + entry.bytes();
            entries.push((key.to_string(), entry.clone()));
        }
    }
    Message::Chunk {
        seen: state.seen.clone(),
        number,
        from,
        entries,
        next,
    }
}

/// The leaves with other fingerprints than a peer's.
fn differing_leaves(state: &State, theirs: &[(u8, Vec<u64>)]) -> Vec<u16> {
    let leaves = theirs.iter().flat_map(|(range, theirs)| {
        let ours = state.table.tree().leaves(*range);
        let pairs = (0..=u8::MAX).zip(theirs.iter().zip(ours));
        let differ = pairs.filter(|(_, (theirs, ours))| theirs != ours);
        differ.map(|(at, _)| u16::from_be_bytes([*range, at]))
    });
    leaves.take(AT_ONCE).collect()
}

/// The keys in some leaves, with their fingerprints.
fn keys_in(state: &State, leaves: Vec<u16>) -> Vec<(u16, Vec<(String, u64)>)> {
    let leaves = leaves.into_iter().map(|leaf| {
        let keys = state.table.in_leaf(leaf);
        let keys = keys.map(|(key, fingerprint)| (key.to_string(), fingerprint));
        (leaf, keys.collect())
    });
    leaves.collect()
}

/// The keys that a peer holds otherwise, in some leaves.
fn differing_keys(state: &State, theirs: Vec<(u16, Vec<(String, u64)>)>) -> Vec<String> {
    let leaves = theirs.iter().map(|(leaf, _)| *leaf);
    let leaves = leaves.take(AT_ONCE).collect();
    let all = |leaves: Vec<(u16, Vec<(String, u64)>)>| -> BTreeMap<String, u64> {
        leaves.into_iter().flat_map(|(_, keys)| keys).collect()
    };
    let ours = all(keys_in(state, leaves));
    let theirs = all(theirs);
    let known = ours.keys().chain(theirs.keys());
    let differ = known.filter(|key| ours.get(*key) != theirs.get(*key));
    let mut keys: Vec<String> = differ.cloned().collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// What this copy holds of some keys.
fn entries_of(state: &State, keys: Vec<String>, asks: bool, most: usize) -> Message {
    let mut bytes = 0;
    let entries = keys.into_iter().map_while(|key| {
        // The rest differs in the next comparison, too.
        if bytes > most {
            return None;
        }
        let entry = state.table.get(&key).cloned();
        bytes += key.len() + entry.as_ref().map_or(0, Entry::bytes);
        Some((key, entry))
    });
    Message::Entries {
        seen: state.seen.clone(),
        entries: entries.collect(),
        asks,
    }
}
