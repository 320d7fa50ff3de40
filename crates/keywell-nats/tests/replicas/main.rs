//! Replicated caches over real NATS servers: what they promise, and what faults do to them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bound;
mod bridge;
mod copies;
mod faults;
mod halves;
mod loss;
mod payload;
#[path = "../raw/mod.rs"]
mod raw;
mod sharing;
mod slow;
mod strangers;
