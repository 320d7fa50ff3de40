//! Watching the plain layout by keyspace events.
//!
//! While anybody watches, a store has one connection more to each primary. It speaks RESP3, so that
//! events and the replies to its own commands come in one order: what is read of a key behind its
//! events is the value after exactly those, and each event is either told or counted as coalesced
//! into a later one.
//!
//! # Slots that move
//!
//! While a slot goes from one node of a cluster to another, both tell of its keys. Where the nodes do
//! it themselves, what the new one tells are copies, until the slot is its own; where a client does it
//! key by key, each key is deleted at one and restored at the other. So each slot has one listener that
//! tells of it ([`tellers::Tellers`]), and this holds: *the values told of a key are in the order of its writes,
//! and the last one told is what it holds, or a gap is told.*
//!
//! - Only the teller tells, and only what it has read since it is the teller, one read of a key at a
//!   time. It ceases to be it when its own node says `MOVED`, or its connection is lost, and never
//!   because of what another node says. So whatever is told was read after all that was told before.
//! - What others hear comes to the teller, which reads it too. If the teller's node has the key, and
//!   the other's says so, the event is a copy of one that the teller hears itself: it is neither told
//!   nor counted. If both nodes say that they have the key, one does not know yet that it has lost the
//!   slot: the event is tried again until they agree. If the teller's node says `MOVED`, the slot and
//!   all that is pending of the key go to the other listener, which reads it anew.
//! - A key that its node has given away by `ASK` is read by way of the link. What is heard of it
//!   meanwhile is read behind that.
//! - That a key is gone is read as well, since a key that is moved is deleted where it was.
//! - A gap is told where a listener ends with what it had heard (a node without slots is listened to no
//!   more), and where nodes do not come to agree.
//!
//! Each write is told or counted at least once. No server says of an event whether it is a copy, so a
//! write just before the slot changes hands may count twice, and a key that a client moves counts as
//! written twice more.

//!
//! # Large values and slow readers
//!
//! - No more is asked for at a time than a server buffers for a subscriber ([`question::Question`]).
//! - A watch that is not read keeps a bounded number of bytes. A value that has no room is dropped, and
//!   its key owed ([`owed::Owed`]) with the number of its events: once there is room it is read and told
//!   like what another listener has heard, and then its events count. While a key is owed, what else is
//!   heard of it adds to that, so that nothing newer is told before.
//! - What comes behind a gap is told behind it. Named keys are owed behind the gap of what was left out.

mod change;
mod emission;
mod hub;
mod listener;
mod notifications;
mod owed;
mod peers;
mod pending;
mod question;
mod queue;
mod reads;
mod session;
mod subscription;
mod switches;
mod tellers;

pub(crate) use hub::Hub;
