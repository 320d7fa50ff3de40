//! Watching the plain layout by keyspace events.
//!
//! While anybody watches, a store has one connection more to each primary. It speaks RESP3, so that
//! events and the replies to its own commands come in one order: what is read of a key behind its
//! events is the value after exactly those, and each event is either told or counted as coalesced
//! into a later one.

mod change;
mod hub;
mod listener;
mod notifications;
mod pending;
mod queue;
mod session;
mod subscription;
mod switches;

pub(crate) use hub::Hub;
