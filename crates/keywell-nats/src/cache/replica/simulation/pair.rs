use std::collections::VecDeque;

use super::super::machine::Replica;
use super::super::message::Effect;
use super::super::origin::Origin;

/// What two copies sent each other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traffic {
    pub(super) messages: usize,
    pub(super) bytes: usize,
    pub(super) largest: usize,
}

/// A copy that has joined.
pub(super) fn copy(node: u64, message_bytes: usize) -> Replica {
    let incarnation = 1;
    let mut replica = Replica::new(Origin { node, incarnation }, message_bytes);
    replica.mark_joined();
    replica
}

/// Delivers what the first sends, and all that follows from it.
pub(super) fn exchange([one, other]: [&mut Replica; 2], effects: Vec<Effect>, now: u64) -> Traffic {
    let mut traffic = Traffic::default();
    let mut waiting: VecDeque<(Origin, Effect)> = VecDeque::new();
    waiting.extend(effects.into_iter().map(|effect| (one.origin(), effect)));
    while let Some((from, effect)) = waiting.pop_front() {
        let (Effect::Broadcast(message) | Effect::Send(_, message)) = effect else {
            continue;
        };
        let bytes = postcard::to_allocvec(&message)
            .expect("it is encoded")
            .len();
        traffic.messages += 1;
        traffic.bytes += bytes;
        traffic.largest = traffic.largest.max(bytes);
        let to = if from == one.origin() {
            &mut *other
        } else {
            &mut *one
        };
        let effects = to.receive(from, message, now);
        let by = to.origin();
        waiting.extend(effects.into_iter().map(|effect| (by, effect)));
    }
    traffic
}

// === impl Traffic ===

impl Traffic {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            messages: self.messages + other.messages,
            bytes: self.bytes + other.bytes,
            largest: self.largest.max(other.largest),
        }
    }
}
