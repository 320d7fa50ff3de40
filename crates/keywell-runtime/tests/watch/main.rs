//! What a component that watches is told, and what becomes of it when things go wrong.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod delivering;
mod failing;
mod handover;
mod hops;
mod lossy;
mod positions;
mod sharing;
mod starting;
mod support;
