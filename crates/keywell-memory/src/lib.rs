//! A concurrent, ordered key-value store in memory.
//!
//! It does all that [the contract](keywell_store) has: compare-and-swap by version, counters, times
//! to live, ordered listings, atomic batches, and watches that resume. Every answer is there at
//! once, events aside. It is what `keywell` runs on when nothing else is asked for, what other
//! stores are tested against, and a cache.
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
//!     panic!("the write is told");
//! };
//! assert_eq!((&*key, &value[..]), ("paid/7", &b"two teapots"[..]));
//! # Ok::<(), keywell_store::Error>(()) }).unwrap();
//! ```
//!
//! # How it is built
//!
//! The keys of a bucket are spread over 64 stripes. Each is a hash table with its keys in order
//! beside it, behind a lock that is held for some tens of nanoseconds. Writes take numbers from one
//! sequence for the bucket, which are the versions. From the first watch on they also enter the
//! bucket's log, from which watchers read at their own pace; who falls further behind than the
//! [`History`] that is kept is told so.
//!
//! Expired keys are invisible at once. Their memory is freed by the writes and reads that come
//! across them and by watchers, which have a timer for them; there is no background task.
//!
//! # What it does not do
//!
//! It keeps nothing on disk, and evicts nothing: what is past the bound of a
//! [bounded](MemoryStore::bounded) store is refused. Limits of one key and value are the concern of
//! [`keywell_store::layer::Limited`]. A value is kept as the [`Bytes`](bytes::Bytes) it was given,
//! so whoever sets a small slice of a large buffer keeps the whole buffer; copy it first. A bucket
//! that was ever opened costs about 16 KiB until the store is dropped, and one that was ever
//! watched keeps its history. Watching keys with a time to live needs a tokio runtime with its time
//! driver; nothing else needs a runtime.

#![forbid(unsafe_code)]

mod bucket;
mod budget;
mod clock;
mod expiry;
mod listing;
mod log;
mod padded;
mod store;
mod stripe;
mod stripes;
mod token;
mod watcher;
mod writer;

pub use log::History;
pub use store::MemoryStore;
