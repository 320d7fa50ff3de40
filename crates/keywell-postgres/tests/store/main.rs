//! Tests of the store in PostgreSQL as a user sees it, in one binary.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on ends, in its own functions too"
)]

mod database;
mod failover;
mod faults;
mod racing;
mod support;
mod watching;
