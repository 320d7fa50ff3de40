//! The journal layout on real servers.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on ends, in its own functions too"
)]

mod cluster;
mod conformance;
mod counting;
mod expiry;
mod failover;
mod histories;
mod history;
mod keyspace;
mod replay;
mod shards;
mod support;
mod transacting;
mod watching;
