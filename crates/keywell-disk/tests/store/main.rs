//! Tests of the disk store as a user sees it, in one binary.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on ends, in its own functions too"
)]

mod compact;
mod damage;
mod disk;
mod disk_full;
mod faults;
mod listing;
mod power_loss;
mod processes;
mod support;
mod watching;
mod writes;
