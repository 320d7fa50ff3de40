//! Key-value stores on NATS.
//!
//! [`JetStreamStore`] keeps buckets in `JetStream`. [`CacheStore`] is a cache that every process
//! holds in memory and all of them replicate, over plain NATS.
//!
//! ```no_run
//! use keywell_nats::{JetStreamOptions, JetStreamStore};
//! use keywell_store::{BucketName, Set, Store as _};
//!
//! # async fn example() -> keywell_store::Result<()> {
//! let store = JetStreamStore::open(JetStreamOptions::new(["127.0.0.1:4222"])).await?;
//! let bucket = store.open(&BucketName::default()).await?;
//! bucket.set("key", "value".into(), Set::default()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//!
//! It starts no server, and changes no bucket that exists: what one was made without is unsupported.
//! The cache has no compare-and-swap, no times to live and no watches.

#![forbid(unsafe_code)]

mod cache;
mod jetstream;
mod link;
mod login;
mod near;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use cache::fuzzing;
pub use cache::{CacheOptions, CacheProvider, CacheStore};
pub use jetstream::{JetStreamOptions, JetStreamProvider, JetStreamStore, Storage};
pub use keywell_client::Tls;
pub use login::Login;
pub use near::caching::Caching;
