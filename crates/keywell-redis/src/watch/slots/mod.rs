//! Watching a cluster: which listener emits the keys of a slot, while slots move between nodes.
//!
//! This holds: *the values emitted of a key are in the order of its writes, and the last one emitted is
//! the present one, or a gap is reported.*
//!
//! While a slot moves from one node to another, both emit events of its keys. Where the nodes move it
//! themselves, the new node's events are copies until it owns the slot. Where a client moves it key
//! by key, each key is deleted at one node and restored at the other. So each slot has one listener
//! as its source ([`sources::SlotSources`]):
//!
//! - Only the source emits, and only what it has read since it became the source, with one read of a
//!   key at a time. It stops being the source when its own node says `MOVED` or its connection is
//!   lost, and never because of what another node says. So each value was read after all values
//!   that were emitted before it.
//! - Another listener passes the events it hears to the source, which reads the key too. If the
//!   source's node has the key, and the other node agrees, the event is a copy of one that the
//!   source hears itself: it is neither emitted nor counted. If both nodes claim the key, one of
//!   them does not know yet that it lost the slot: the event is retried until they agree. If the
//!   source's node says `MOVED`, the slot and all that is pending of the key go to the other
//!   listener, which reads it again.
//! - A key that its node has given away by `ASK` is read over the link. Events that arrive meanwhile
//!   are read behind that.
//! - A removal is read as well, since a key that moves is deleted where it was.
//! - A listener that ends with undelivered events reports a gap (a node without slots has no listener),
//!   and so do nodes that do not come to agree.
//!
//! Each write is emitted or counted at least once. No server marks an event as a copy, so a write just
//! before the slot changes hands may count twice, and a key that a client moves counts as written
//! twice more.
//!
//! It costs a cluster two more reads for each deletion, and a few for each key that is moved.

mod contention;
mod directory;
mod node_reader;
mod peers;
mod sources;

pub(super) use directory::{Directory, PeerRequest};
pub(super) use node_reader::{NodeReader, Resumed};
pub(super) use peers::Peers;
pub(super) use sources::SlotSources;
