//! Workers that are functions, on stores in memory and on disk.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on ends, in its own functions too"
)]

mod component;
mod corruption;
mod crashes;
mod doubles;
mod fencing;
mod keeping;
mod opened;
mod planted;
mod replaying;
mod snapshots;
mod travelling;
