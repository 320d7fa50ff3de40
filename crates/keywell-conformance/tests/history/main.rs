//! Histories of the stores of this repository, and of stores that are broken on purpose.
//!
//! `KEYWELL_SEED` replays a failure from the seed it printed; `KEYWELL_HISTORIES` sets how many are
//! run.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on ends, in its own functions too"
)]

mod broken;
mod by_hand;
mod every_order;
mod failing_disk;
mod faults;
mod planted;
#[cfg(unix)]
mod processes;
mod stores;
