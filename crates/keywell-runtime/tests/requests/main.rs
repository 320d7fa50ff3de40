//! HTTP requests of durable workers: what is sent, how often, and what a replay answers.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod interrupted;
mod recorded;
mod server;
mod world;
