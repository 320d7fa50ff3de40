//! Key-value stores on NATS.
//!
//! [`JetStreamStore`] keeps buckets in `JetStream`, and [`CacheStore`] is a cache that every process holds in memory and all of them replicate, over plain
//! NATS.

#![forbid(unsafe_code)]

mod cache;
mod jetstream;
mod login;
mod near;

pub use cache::{CacheOptions, CacheProvider, CacheStore};
pub use jetstream::{JetStreamOptions, JetStreamProvider, JetStreamStore, Storage};
pub use login::Login;
pub use near::caching::Caching;
