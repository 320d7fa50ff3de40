//! The near cache of the store in `JetStream`, on servers that the tests start.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by a panic, also in its own functions"
)]

mod batches;
mod conformance;
mod faults;
mod histories;
mod hostile;
mod place;
#[path = "../raw/mod.rs"]
mod raw;
mod reads;
