//! Which events a component gets, and what happens to them when things go wrong.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod delivering;
mod elsewhere;
mod failing;
mod gaps;
mod handover;
mod hops;
mod losing;
mod lossy;
mod positions;
mod replaying;
mod sharing;
mod spare;
mod starting;
mod support;
