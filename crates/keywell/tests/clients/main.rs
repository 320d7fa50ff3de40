//! `keywell serve` and clients that misbehave, over raw sockets and frames.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod connections;
mod http2;
mod logged;
mod reading;
mod refusals;
mod responses;
mod time;
