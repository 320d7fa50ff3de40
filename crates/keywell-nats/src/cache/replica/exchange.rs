//! How two copies become equal. Each says in beacons what it has. Where a peer has seen other writes,
//! a copy pulls the entries that have them, in chunks. Then, or where both have seen the same, they
//! [compare](super::comparison) what they hold.
//!
//! What a copy has seen and does not hold was deleted, or it holds what replaced it. That is so at all
//! times: otherwise a write and its replacement could both be lost with another process. So a copy
//! takes entries as they arrive, but what the peer has seen besides only after a round of chunks during
//! which the peer took no write. Then this copy has all that the peer held at the end of the round.
//! Otherwise another round sends what the peer took meanwhile, which may have replaced what was in a
//! chunk before.

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
    comparison: Comparison,
    has_joined: bool,
}

#[derive(Debug)]
struct Pull {
    peer: Origin,
    until: u64,
    /// Where the next chunk begins.
    from: Dot,
    /// What the chunks so far say that the peer has seen.
    seen: Seen,
    /// How many writes the peer had taken at the first chunk of this round.
    added: Option<u64>,
}

/// A part of what a peer was asked for.
struct Chunk {
    from: Dot,
    seen: Seen,
    entries: Vec<Part>,
    next: Option<Dot>,
    added: u64,
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
            Message::Update(update) => {
                let mut effects = Vec::new();
                state.take_update(update, now, &mut effects);
                effects
            }
            Message::Updates(updates) => {
                let mut effects = Vec::with_capacity(updates.len());
                for update in updates {
                    state.take_update(update, now, &mut effects);
                }
                effects
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
                added,
                root,
            } => {
                let chunk = Chunk {
                    from: first,
                    seen,
                    entries,
                    next,
                    added,
                    root,
                };
                self.take_chunk(state, from, chunk, now)
            }
            Message::Ranges(theirs) => send(self.comparison.leaves(state, &theirs, most)),
            Message::Leaves(theirs) => send(comparison::held(state, &theirs, most)),
            Message::Held { leaves, dots } => {
                send(comparison::compared(state, &leaves, &dots, most))
            }
            Message::Compared { seen, gone, others } => {
                let compared = (seen, &gone, &others);
                self.comparison.take(state, from, compared, most, now)
            }
            Message::Gone { seen, dots } => state.take_gone(from, (seen, &dots), most),
            Message::Ask(keys) => {
                let updates = state.answer(keys, most);
                if updates.is_empty() {
                    return Vec::new();
                }
                send(Message::Updates(updates))
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
        if seen == state.seen.fingerprint() {
            let is_done = self.pull.take_if(|pull| pull.peer == peer).is_some();
            self.has_joined |= is_done;
            return self.comparison.begin(state, peer, root, now);
        }
        let mut pull = match self.pull.take() {
            Some(pull) if pull.peer != peer || now < pull.until => {
                self.pull = Some(pull);
                return Vec::new();
            }
            // A message was lost, or the next round begins.
            Some(pull) => pull,
            None => Pull {
                peer,
                until: now,
                from: Dot::FIRST,
                seen: Seen::default(),
                added: None,
            },
        };
        let message = pull.ask(state, self.message_bytes, now);
        self.pull = Some(pull);
        vec![message]
    }

    fn take_chunk(
        &mut self,
        state: &mut State,
        peer: Origin,
        chunk: Chunk,
        now: u64,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        for part in chunk.entries {
            let have_they_seen = |dot| part.is_whole && chunk.seen.has(dot);
            state.take(part.key, part.entry, have_they_seen, now, &mut effects);
        }
        let pull = self.pull.as_mut();
        let Some(pull) = pull.filter(|pull| pull.peer == peer && pull.from == chunk.from) else {
            return effects;
        };
        pull.seen.join(&chunk.seen.within(chunk.from, chunk.next));
        let added = *pull.added.get_or_insert(chunk.added);
        if let Some(next) = chunk.next {
            pull.from = next;
            effects.push(pull.ask(state, self.message_bytes, now));
        } else if added == chunk.added {
            state.seen.join(&pull.seen);
            self.pull = None;
            self.has_joined = true;
            // What was deleted meanwhile shows only so, as long as others go on writing.
            effects.extend(self.comparison.begin(state, peer, chunk.root, now));
        } else {
            // Another round begins with the next beacon, lest it be one without end.
            pull.from = Dot::FIRST;
            pull.added = None;
            pull.until = now;
        }
        effects
    }
}

// === impl Pull ===

impl Pull {
    /// Asks for the next chunk.
    fn ask(&mut self, state: &State, message_bytes: usize, now: u64) -> Effect {
        self.until = now + PATIENCE;
        let from = self.from;
        // What the peer said it had seen, it has sent, or it holds it no more.
        let mut seen = state.seen.clone();
        seen.join(&self.seen);
        let (seen, end) = seen.part(from, message_bytes / 2);
        Effect::Send(self.peer, Message::Pull { from, seen, end })
    }
}

fn beacon(state: &State, is_answer: bool) -> Message {
    Message::Beacon {
        seen: state.seen.fingerprint(),
        root: state.table.writes().tree().root(),
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
        let is_whole = entry.fits(most);
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
        added: state.table.writes().added(),
        root: state.table.writes().tree().root(),
    }
}
