//! How two copies that have seen the same writes find what only one of them holds: the other has
//! deleted it, and the message was lost.
//!
//! The one that begins sends the fingerprints of all ranges, the other those of the leaves in ranges
//! that differ, the first all writes that it holds in leaves that differ. Then each learns what the
//! other has seen and does not hold. A message has what there is room for; the first goes on as long
//! as that changes something.
//!
//! What is gone at a peer may have been replaced there by a write that has not arrived here. If it were
//! dropped at once and the peer ended, both would be lost. So a copy drops it at once only if it has
//! seen the same writes as the peer; otherwise it asks for all that the peer holds of the key, and
//! takes both together.

use std::collections::BTreeSet;

use super::dots::{Budget, Dots};
use super::message::{Effect, Message};
use super::origin::{Dot, Origin};
use super::state::State;
use super::tree;

/// The comparison that a copy has begun. It begins no other meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// With whom, and how long it waits for an answer.
    begun: Option<(Origin, u64)>,
    /// Where it goes on, so that each part has its turn.
    turn: u8,
}

/// How long a comparison or a pull waits for a message, in microseconds.
pub(super) const PATIENCE: u64 = 1_000_000;
/// How many writes of a leaf are compared at most. What a stranger sends names any number in few bytes.
const LEAF: usize = 4096;
/// How many writes are examined at most that a peer holds besides.
const OTHERS: usize = 1 << 17;
/// About how many bytes a fingerprint has in a message.
const FINGERPRINT: usize = 10;

// === impl Comparison ===

impl Comparison {
    /// Begins one with a peer that has this root, unless both hold the same.
    pub(crate) fn begin(
        &mut self,
        state: &State,
        peer: Origin,
        root: u64,
        now: u64,
    ) -> Vec<Effect> {
        let is_waiting = self.begun.is_some_and(|(_, until)| now < until);
        if is_waiting || root == state.table.writes().tree().root() {
            return Vec::new();
        }
        self.go_on(state, peer, now)
    }

    fn go_on(&mut self, state: &State, peer: Origin, now: u64) -> Vec<Effect> {
        self.begun = Some((peer, now + PATIENCE));
        let ranges = state.table.writes().tree().ranges().to_vec();
        vec![Effect::Send(peer, Message::Ranges(ranges))]
    }

    /// The leaves of ranges that differ from a peer's.
    pub(crate) fn leaves(&mut self, state: &State, theirs: &[u64], most: usize) -> Message {
        self.turn = self.turn.wrapping_add(1);
        let tree = state.table.writes().tree();
        let ranges = (0..=u8::MAX).map(|at| at.wrapping_add(self.turn));
        let differ = ranges.filter(|at| {
            let at = usize::from(*at);
            theirs.get(at) != Some(&tree.ranges()[at])
        });
        let leaves = differ.map(|at| (at, tree.leaves(at).to_vec()));
        let room = most / (tree::WIDTH * FINGERPRINT);
        Message::Leaves(leaves.take(room.max(1)).collect())
    }

    /// Takes what a peer has seen and does not hold, and what it holds besides.
    pub(crate) fn take(
        &mut self,
        state: &mut State,
        peer: Origin,
        (seen, gone, others): (u64, &Dots, &Dots),
        most: usize,
        now: u64,
    ) -> Vec<Effect> {
        let own = state.seen.fingerprint();
        let mut effects = state.take_gone(peer, (seen, gone), most);
        let dots = state.gone(others.iter().take(OTHERS), most);
        if !dots.is_empty() {
            effects.push(Effect::Send(peer, Message::Gone { seen: own, dots }));
        }
        // A copy that has seen other writes asks before it drops any, and compares again later.
        let has_changed = seen == own && !effects.is_empty();
        if self.begun.is_some_and(|(with, _)| with == peer) {
            self.begun = None;
            if has_changed {
                effects.extend(self.go_on(state, peer, now));
            }
        }
        effects
    }
}

/// What a copy holds in leaves that differ from a peer's.
pub(crate) fn held(state: &State, theirs: &[(u8, Vec<u64>)], most: usize) -> Message {
    let differ = theirs.iter().flat_map(|(range, theirs)| {
        let ours = state.table.writes().tree().leaves(*range);
        let pairs = (0..=u8::MAX).zip(theirs.iter().zip(ours));
        let differ = pairs.filter(|(_, (theirs, ours))| theirs != ours);
        differ.map(|(at, _)| u16::from_be_bytes([*range, at]))
    });
    let mut budget = Budget::new(most);
    let (mut leaves, mut dots) = (Vec::new(), Vec::new());
    for leaf in differ {
        let mut has_room = true;
        let before = dots.len();
        for dot in state.table.writes().in_leaf(leaf) {
            has_room = budget.take(dot);
            dots.push(dot);
        }
        // All of a leaf, or nothing of it.
        if !has_room && !leaves.is_empty() {
            dots.truncate(before);
            break;
        }
        leaves.push(leaf);
    }
    Message::Held {
        leaves,
        dots: dots.into_iter().collect(),
    }
}

/// Compares what a peer holds in some leaves with what this copy holds there.
pub(crate) fn compared(state: &State, leaves: &[u16], theirs: &Dots, most: usize) -> Message {
    let mut theirs: Vec<Dot> = theirs.iter().take(LEAF * leaves.len()).collect();
    theirs.sort_unstable();
    let leaves: BTreeSet<u16> = leaves.iter().copied().collect();
    let ours = leaves
        .iter()
        .flat_map(|leaf| state.table.writes().in_leaf(*leaf));
    let mut budget = Budget::new(most);
    let others = ours
        .filter(|dot| theirs.binary_search(dot).is_err())
        .take_while(|dot| budget.take(*dot));
    Message::Compared {
        others: others.collect(),
        gone: state.gone(theirs.into_iter(), most),
        seen: state.seen.fingerprint(),
    }
}
