//! Components for WASI 0.3: that they answer and run, and what bounds them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answering;
mod commands;
mod containing;
mod granted;
mod keyvalue;
mod support;
