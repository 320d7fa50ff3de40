//! Against a real registry, and against servers that lie or say nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hostile;
mod keeping;
mod support;
