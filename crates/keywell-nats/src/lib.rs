//! Key-value stores on NATS.
//!
//! [`CacheStore`] is a cache that every process holds in memory and all of them replicate, over plain
//! NATS.

#![forbid(unsafe_code)]

mod cache;

pub use cache::{CacheOptions, CacheProvider, CacheStore};
