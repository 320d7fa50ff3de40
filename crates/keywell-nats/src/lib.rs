//! Key-value stores on NATS.
//!
//! [`CacheStore`] is a cache that every process holds in memory and all of them replicate, over plain
//! NATS.

#![forbid(unsafe_code)]

mod cache;
#[allow(dead_code, reason = "its store is being built")]
mod jetstream;
#[allow(dead_code, reason = "its store is being built")]
mod login;

pub use cache::{CacheOptions, CacheProvider, CacheStore};
pub use login::Login;
