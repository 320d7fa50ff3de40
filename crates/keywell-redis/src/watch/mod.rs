//! Watching the plain layout by keyspace events.
//!
//! A watch guarantees: *the events of a key come in the order of its writes, and each write since the
//! watch was opened is emitted, counted as coalesced into a later one, or covered by a gap.* Several
//! processes of Keywell, or other programs, may write meanwhile. What a server announces by no keyspace
//! event (`FLUSHDB`, `SWAPDB`, a string that becomes another type in one step) is not seen.
//!
//! While there are watches, a store has one more connection to each primary. It speaks RESP3, so that
//! events and the replies to its own commands come in one order: a value that is read behind the
//! events of its key is the value after exactly those events.
//!
//! # Where to read
//!
//! | For | Read |
//! |---|---|
//! | opening and closing a watch | [`hub`], [`listeners`], [`watcher`] |
//! | one primary: connections, subscriptions, events | [`listener`], [`session`], [`members`] |
//! | one server: from an event to a value | [`server_reader`], [`read_queue`], [`pending`] |
//! | a cluster whose slots move | [`slots`] |
//! | what the reader of a watch takes | [`queue`], [`backlog`] |
//! | a server whose events are switched off | [`notifications`], [`emission`] |
//!
//! # Large values and slow readers
//!
//! - No more values are queried at a time than a server buffers for a subscriber ([`value_query`]).
//! - The queue of a watch keeps a bounded number of bytes. A value without room is dropped, and its key
//!   goes to the [`backlog`] with the number of its events. Once there is room it is re-read and
//!   emitted, and then its events count. Later events of a key in the backlog are added to it, so that
//!   nothing newer is emitted first.
//! - Events behind a gap are emitted behind it. Keys that the watch names are re-read behind the gap.

mod backlog;
mod counts;
mod emission;
mod hub;
mod key_event;
mod listener;
mod listeners;
mod members;
mod notifications;
mod pending;
mod primaries;
mod queue;
mod read_queue;
mod reader;
mod request;
mod server_reader;
mod session;
mod slots;
mod subscription;
mod value_query;
mod watcher;

pub(crate) use hub::Hub;
