//! One copy of a cache, and how copies agree, without a network.
//!
//! A [`Replica`] is a state machine: it is given the time, local writes and the messages of others, and
//! answers what is to be sent. It has no clock, socket or randomness of its own, so that thousands of
//! runs with losses, partitions and crashes are simulated in a test.
//!
//! What holds, however messages are lost, repeated, delayed and reordered:
//!
//! 1. Copies that exchange messages become equal.
//! 2. Of two sets of a key, one that had seen the other stands. Of others the one with the later
//!    hybrid time stands, then the one of the greater node.
//! 3. A delete removes the writes that its node had seen, and they do not come back. It leaves
//!    nothing behind: a write that was [`Seen`] and is not held was deleted, or is replaced by one
//!    that is held. So a value stays until what replaced it is here, whichever process ends meanwhile.
//! 4. An increment counts once, unless a later set that its node had not seen replaces the number, or
//!    its node ends before another has it. A key that one node deletes while another adds to it has
//!    the whole sum of that other node afterwards.
//! 5. What a node keeps besides its entries is a row for each process that ever wrote, for the last
//!    [`Seen::INCARNATIONS`] of a node. A write that is known only to nodes that were cut off while
//!    its node started that often is dropped when they come back.
//! 6. An item that was pushed is in its list once, until it is deleted. It is behind the items that
//!    its node had seen; items that were pushed at once are in the order of rule 2, at all nodes.
//! 7. A member that was added is in its set, unless a node that had seen the addition removes it: an
//!    addition wins over a removal at the same time.

mod clock;
pub(crate) mod collections;
mod comparison;
mod dots;
mod elements;
mod entry;
mod exchange;
mod hash;
mod machine;
mod message;
mod numbers;
mod origin;
mod packed;
pub(crate) mod place;
mod seen;
#[cfg(test)]
mod simulation;
mod sizes;
mod state;
mod table;
mod tree;
mod update;
mod writes;

#[cfg(feature = "fuzzing")]
pub(crate) use entry::Entry;
pub(crate) use machine::{Refused, Replica};
pub(crate) use message::{Effect, Message};
pub(crate) use origin::Origin;
pub(crate) use update::Update;

/// A hash that is the same in every process.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    hash::Fingerprint::of(bytes).finish()
}
