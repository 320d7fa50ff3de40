//! A key-value store on Memcached servers, 1.6 and newer: a cache, which may forget any key at any
//! time, and forgets all of them when a server ends.
//!
//! It speaks the meta protocol. Values are plain, and so are the names of keys, `BUCKET:KEY`, as long
//! as they fit; other clients that spread keys by ketama find them on the same servers. A version is
//! the number of a write with the server's start, since numbers begin again when a server does.
//!
//! ```no_run
//! use keywell_memcached::{MemcachedOptions, MemcachedStore};
//! use keywell_store::{BucketName, Set, Store as _};
//!
//! # async fn example() -> keywell_store::Result<()> {
//! let store = MemcachedStore::open(MemcachedOptions::new(["127.0.0.1:11211"])).await?;
//! let bucket = store.open(&BucketName::default()).await?;
//! bucket.set("key", "value".into(), Set::default()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//!
//! Memcached has no listing, no watches and no transactions. No key moves to another server while its
//! own is down: it is unavailable.

#![forbid(unsafe_code)]

mod backing;
mod connection;
mod fault;
mod life;
mod names;
mod options;
mod provider;
mod ring;
mod server;
mod servers;
mod store;
mod wire;

pub use options::MemcachedOptions;
pub use provider::MemcachedProvider;
pub use store::MemcachedStore;
