//! A concurrent, ordered key-value store in memory.
//!
//! It supports all of [the contract](keywell_store): compare-and-swap by version, counters, times to
//! live, ordered listings, atomic batches, and resumable watches. Every call except a wait for events
//! is answered at once. It is the default store of `keywell`, the reference for tests of other stores,
//! and a cache.
//!
//! ```
//! use futures::StreamExt as _;
//! use keywell_memory::MemoryStore;
//! use keywell_store::{Bucket, BucketName, Event, Filter, Set, Since, Store};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let store = MemoryStore::new();
//! let orders = store.open(&"orders".parse()?).await?;
//!
//! let mut events = orders.watch(Filter::Prefix("paid/".into()), Since::Now).await?;
//! orders.set("paid/7", "two teapots".into(), Set::default()).await?;
//! orders.increment("count", 1).await?;
//!
//! assert_eq!(orders.list(Default::default()).await?.keys, ["count", "paid/7"]);
//! let Some(Ok(Event::Set { key, value, .. })) = events.next().await else {
//!     panic!("the write is delivered");
//! };
//! assert_eq!((&*key, &value[..]), ("paid/7", &b"two teapots"[..]));
//! # Ok::<(), keywell_store::Error>(()) }).unwrap();
//! ```
//!
//! # How it is built
//!
//! The keys of a bucket are spread over 64 stripes. A stripe is a hash table with an ordered index of
//! its keys, behind a lock that is held for some tens of nanoseconds. Each write takes a number from
//! one sequence of the bucket: its version. From the first watch on, writes also enter the log of the
//! bucket, which watchers read at their own pace. A watcher that falls behind the [`History`] ends
//! with an error.
//!
//! Expired keys are invisible at once. Writes and reads that meet them free their memory, and so do
//! watchers, which have a timer for them. There is no background task.
//!
//! # What it does not do
//!
//! It writes nothing to disk, and evicts nothing: a [bounded](MemoryStore::bounded) store refuses
//! writes past its bound. It does not limit the size of a key or value; see
//! [`keywell_store::layer::Limited`]. It stores a value as the given [`Bytes`](bytes::Bytes), so a
//! small slice of a large buffer keeps the whole buffer; copy it first. Each opened bucket costs about
//! 16 KiB until the store is dropped, and each watched one keeps its history. Watching keys with a
//! time to live needs a tokio runtime with its time driver; nothing else needs a runtime.

#![forbid(unsafe_code)]

mod bucket;
mod budget;
mod clock;
mod data;
mod expiry;
mod feed;
mod key;
mod listing;
mod log;
mod padded;
mod preset;
mod provider;
mod store;
mod stripe;
mod stripes;
mod sweep;
mod token;
mod transact;
mod writer;

pub use log::History;
pub use provider::MemoryProvider;
pub use store::MemoryStore;
