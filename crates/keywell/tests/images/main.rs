//! Components in images of a registry: `serve`, `run`, `up`, `inspect`, `pull` and `push`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod hosted;
mod logins;
mod machine;
mod misbehaving;
mod using;
