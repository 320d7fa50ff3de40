//! Histories of the stores of this repository, and of stores with planted mistakes.
//!
//! `KEYWELL_SEED` replays a failure from the printed seed; `KEYWELL_HISTORIES` sets the number of
//! histories.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by a panic, also in its own functions"
)]

mod broken;
mod by_hand;
mod every_order;
mod failing_disk;
mod faults;
mod planted;
#[cfg(unix)]
mod processes;
mod sessions;
mod stores;
