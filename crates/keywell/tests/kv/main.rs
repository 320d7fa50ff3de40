//! `keywell kv`, as its user sees it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod carrying;
mod copying;
mod keeping;
mod keys;
mod streams;
mod support;
mod usage;
mod watching;
