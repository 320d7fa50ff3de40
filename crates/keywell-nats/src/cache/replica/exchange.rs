//! How two copies become equal. Each says in beacons what it has. Where a peer has seen other writes,
//! a copy pulls the entries that have them, in chunks. Then, or where both have seen the same, they
//! [compare](super::comparison) what they hold.

use std::collections::BTreeSet;

use super::comparison::{self, Comparison, PATIENCE};
use super::entry::Entry;
use super::message::{Effect, Message, Part};
use super::origin::{Dot, Origin};
use super::seen::Seen;
use super::state::State;

/// What a copy knows of its exchanges with others.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// How many bytes of entries a message has.
    message_bytes: usize,
    pull: Option<Pull>,
    /// Where the next chunk begins.
    from: Dot,
    comparison: Comparison,
    has_joined: bool,
}

#[derive(Debug)]
struct Pull {
    peer: Origin,
    until: u64,
    /// What the chunks so far say that the peer has seen. A write among them may be replaced by one
    /// of a later chunk, so this copy counts none of them as seen before it has all chunks.
    seen: Seen,
}

/// A part of what a peer was asked for.
struct Chunk {
    from: Dot,
    seen: Seen,
    entries: Vec<Part>,
    next: Option<Dot>,
    root: u64,
}

/// How much longer a pull waits for a beacon of its peer, to go on where it was, in microseconds.
const ABANDONED: u64 = 10 * PATIENCE;

// === impl Exchange ===

impl Exchange {
    pub(crate) fn new(message_bytes: usize) -> Self {
        Self {
            message_bytes,
            pull: None,
            from: Dot::FIRST,
            comparison: Comparison::default(),
            has_joined: false,
        }
    }

    pub(crate) fn message_bytes(&self) -> usize {
        self.message_bytes
    }

    pub(crate) fn is_pulling(&self) -> bool {
        self.pull.is_some()
    }

    /// Whether the copy has what others had, or is the first.
    pub(crate) fn has_joined(&self) -> bool {
        self.has_joined
    }

    pub(crate) fn mark_joined(&mut self) {
        self.has_joined = true;
    }

    /// Says what the copy has. To be called at intervals.
    pub(crate) fn tick(&mut self, state: &State, now: u64) -> Vec<Effect> {
        let is_abandoned = |pull: &mut Pull| pull.until + ABANDONED <= now;
        self.pull.take_if(is_abandoned);
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
        let most = self.message_bytes;
        let send = |message| vec![Effect::Send(from, message)];
        match message {
            Message::Update(update) => state.take_update(update, now),
            Message::Updates(updates) => {
                let updates = updates.into_iter();
                updates
                    .flat_map(|update| state.take_update(update, now))
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
                from: first,
                seen,
                end,
            } => send(chunk(state, (first, end), &seen, most)),
            Message::Chunk {
                from: first,
                seen,
                entries,
                next,
                root,
            } => {
                let chunk = Chunk {
                    from: first,
                    seen,
                    entries,
                    next,
                    root,
                };
                self.take_chunk(state, from, &chunk, now)
            }
            Message::Ranges(theirs) => send(self.comparison.leaves(state, &theirs, most)),
            Message::Leaves(theirs) => send(comparison::held(state, &theirs, most)),
            Message::Held { leaves, dots } => {
                send(comparison::compared(state, &leaves, &dots, most))
            }
            Message::Compared { gone, others } => {
                let dots = (&gone, &others);
                self.comparison.take(state, from, dots, most, now)
            }
            Message::Gone(gone) => state.drop_gone(&gone),
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
        if seen == state.seen.fingerprint() {
            return self.comparison.begin(state, peer, root, now);
        }
        if let Some(pull) = &mut self.pull {
            if pull.peer != peer || now < pull.until {
                return Vec::new();
            }
            // A message was lost.
            let seen = std::mem::take(&mut pull.seen);
            return self.ask(state, peer, seen, now);
        }
        self.from = Dot::FIRST;
        self.ask(state, peer, Seen::default(), now)
    }

    /// Asks for a chunk, after those that say that the peer has seen this.
    fn ask(&mut self, state: &State, peer: Origin, seen: Seen, now: u64) -> Vec<Effect> {
        let from = self.from;
        let until = now + PATIENCE;
        self.pull = Some(Pull { peer, until, seen });
        let (seen, end) = state.seen.part(from, self.message_bytes / 2);
        vec![Effect::Send(peer, Message::Pull { from, seen, end })]
    }

    fn take_chunk(
        &mut self,
        state: &mut State,
        peer: Origin,
        chunk: &Chunk,
        now: u64,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        let nothing = Seen::default();
        for part in &chunk.entries {
            let seen = if part.is_whole { &chunk.seen } else { &nothing };
            effects.extend(state.take(&part.key, Some(&part.entry), seen, now));
        }
        let pull = self
            .pull
            .take_if(|pull| pull.peer == peer && chunk.from == self.from);
        let Some(mut pull) = pull else {
            return effects;
        };
        pull.seen.join(&chunk.seen.within(chunk.from, chunk.next));
        if let Some(next) = chunk.next {
            self.from = next;
            effects.extend(self.ask(state, peer, pull.seen, now));
        } else {
            // All that the peer held of these writes was in the chunks, or was seen here before.
            state.seen.join(&pull.seen);
            self.has_joined = true;
            // What was deleted meanwhile shows only so, as long as others go on writing.
            effects.extend(self.comparison.begin(state, peer, chunk.root, now));
        }
        effects
    }
}

fn beacon(state: &State, is_answer: bool) -> Message {
    Message::Beacon {
        seen: state.seen.fingerprint(),
        root: state.table.tree().root(),
        is_answer,
    }
}

/// The entries with writes that a peer has not seen, from one of these writes on and before an end.
fn chunk(state: &State, (from, end): (Dot, Option<Dot>), theirs: &Seen, most: usize) -> Message {
    let (seen, own_end) = state.seen.part(from, most / 4);
    // A missing end is later than all.
    let end = [end, own_end].into_iter().flatten().min();
    let mut bytes = 0;
    let mut whole = BTreeSet::new();
    let mut entries = Vec::new();
    let mut next = end;
    for (dot, key) in state.table.unseen(theirs, from) {
        if end.is_some_and(|end| dot >= end) {
            break;
        }
        if bytes > most {
            next = Some(dot);
            break;
        }
        let Some(entry) = state.table.get(key) else {
            continue;
        };
        let is_whole = entry.elements.len() == 1 || entry.bytes() <= most / 4;
        let part = match entry.elements.get(&dot) {
            _ if is_whole && !whole.insert(key) => continue,
            Some(element) if !is_whole => Entry::new(dot, element.clone()),
            _ => entry.clone(),
        };
        let key = key.to_string();
        let part = Part {
            key,
            entry: part,
            is_whole,
        };
        bytes += part.bytes();
        entries.push(part);
    }
    Message::Chunk {
        from,
        seen,
        entries,
        next,
        root: state.table.tree().root(),
    }
}
