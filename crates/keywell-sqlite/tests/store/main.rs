//! Tests of the `SQLite` store as a user sees it, in one binary.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on ends, in its own functions too"
)]

mod file;
mod locks;
mod other_programs;
mod processes;
mod support;
mod watching;
