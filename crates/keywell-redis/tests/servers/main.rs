//! The store on real servers, which are killed, frozen, restarted, failed over and cut off while it
//! works. Both layouts keep the same promises, so each fault befalls both.
//!
//! Random ones print their seed, and `KEYWELL_SEED` takes it back.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on ends, in its own functions too"
)]

mod accounts;
mod blocked;
mod cluster;
mod commands;
mod conformance;
mod connecting;
mod counting;
mod failover;
mod flood;
mod handover;
mod held;
mod histories;
mod keyspace;
mod large;
mod lessons;
mod load;
mod outages;
mod refusals;
mod seeds;
mod sentinel;
mod slow;
mod support;
mod watchers;
mod watching;
