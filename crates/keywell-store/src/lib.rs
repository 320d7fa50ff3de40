//! The contract between key-value stores and the hosts that serve them.
//!
//! A store author implements [`Bucket`], which has four required methods, and [`Store`], which
//! opens buckets by name. The default of every other method either uses those four or answers
//! [`Error::Unsupported`]. A host, such as `keywell-wasi`, calls them and depends on no store.
//! [`layer`] wraps buckets with what is the same for every store: what a component may do
//! ([`layer::Granted`]), how large its keys and values may be ([`layer::Limited`]), and counts of
//! its calls ([`layer::Metered`]). [`layer::Faulty`] is for tests. [`layer::Layered`] puts a layer
//! around all buckets of a store. A store that waits for a service need not implement [`Bucket`]: it
//! implements the traits of [`backend`]. A store that keeps a history makes its watches with [`feed`].
//!
//! # A complete store
//!
//! The defaults refuse everything that is not declared in [`Capabilities`], so this small store is
//! correct. It declares no longest key and no largest value, so the usual limits hold: 1 KiB and
//! 16 MiB.
//!
//! ```
//! use std::collections::HashMap;
//! use std::sync::{Arc, Mutex, PoisonError};
//!
//! use bytes::Bytes;
//! use keywell_store::{
//!     Answer, Bucket, BucketName, Capabilities, Cas, Change, Entry, Error, Expected, Expires,
//!     Promptness, Set, Store, Swap, Version, counter,
//! };
//!
//! #[derive(Default)]
//! struct Drawer(Mutex<(u64, HashMap<String, Entry>)>);
//!
//! impl Drawer {
//!     fn locked<T>(&self, act: impl FnOnce(&mut u64, &mut HashMap<String, Entry>) -> T) -> T {
//!         let (clock, entries) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
//!         act(clock, entries)
//!     }
//! }
//!
//! fn put(clock: &mut u64, entries: &mut HashMap<String, Entry>, key: &str, value: Bytes) -> Version {
//!     *clock += 1;
//!     let version = Version::from(*clock);
//!     entries.insert(key.to_owned(), Entry {
//!         value,
//!         version: version.clone(),
//!         expires: Expires::Never,
//!     });
//!     version
//! }
//!
//! impl Bucket for Drawer {
//!     fn capabilities(&self) -> Capabilities {
//!         Capabilities {
//!             promptness: Promptness::AtOnce,
//!             cas: Cas::ByVersion,
//!             increment: true,
//!             ..Capabilities::default()
//!         }
//!     }
//!
//!     fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
//!         let entry = self.locked(|_, entries| entries.get(key).cloned());
//!         entry.map(|entry| entry.within(max)).transpose().into()
//!     }
//!
//!     fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
//!         if how.ttl.is_some() {
//!             return Error::Unsupported("a time to live").into();
//!         }
//!         if let Err(error) = self.capabilities().check(key, &value) {
//!             return error.into();
//!         }
//!         Answer::now(self.locked(|clock, entries| put(clock, entries, key, value)))
//!     }
//!
//!     fn delete(&self, key: &str) -> Answer<()> {
//!         Answer::now(self.locked(|_, entries| drop(entries.remove(key))))
//!     }
//!
//!     fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
//!         self.locked(|clock, entries| {
//!             if !expected.stands(entries.get(key)) {
//!                 return Answer::now(Swap::Stale);
//!             }
//!             match change {
//!                 Change::Set(_, how) if how.ttl.is_some() => {
//!                     Error::Unsupported("a time to live").into()
//!                 }
//!                 Change::Set(value, _) => {
//!                     if let Err(error) = self.capabilities().check(key, &value) {
//!                         return error.into();
//!                     }
//!                     Answer::now(Swap::Done(Some(put(clock, entries, key, value))))
//!                 }
//!                 Change::Delete => Answer::now(Swap::Done(entries.remove(key).and(None))),
//!             }
//!         })
//!     }
//!
//!     fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
//!         if created.ttl.is_some() {
//!             return Error::Unsupported("a time to live").into();
//!         }
//!         if let Err(error) = self.capabilities().check(key, b"") {
//!             return error.into();
//!         }
//!         self.locked(|clock, entries| {
//!             let old = entries.get(key).map(|entry| &entry.value[..]);
//!             Answer::from(counter::add(old, delta).inspect(|new| {
//!                 put(clock, entries, key, counter::text(*new));
//!             }))
//!         })
//!     }
//! }
//!
//! struct Cabinet(Arc<Drawer>);
//!
//! impl Store for Cabinet {
//!     fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
//!         if name.is_default() {
//!             Answer::now(self.0.clone())
//!         } else {
//!             Error::NoSuchBucket(name.to_string()).into()
//!         }
//!     }
//! }
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! # let store = Cabinet(Arc::default());
//! # let bucket = store.open(&BucketName::default()).await.unwrap();
//! # assert_eq!(bucket.increment("n", 41).await.unwrap(), 41);
//! # assert_eq!(bucket.increment("n", 1).await.unwrap(), 42);
//! # assert_eq!(&bucket.get("n").await.unwrap().unwrap().value[..], b"42");
//! # assert!(bucket.list(Default::default()).await.is_err());
//! # });
//! ```
//!
//! # What it does not do
//!
//! It opens no connection and spawns no task. It knows nothing of WebAssembly.

#![forbid(unsafe_code)]

mod alphabet;
mod answer;
pub mod backend;
mod bucket;
mod capabilities;
mod collecting;
pub mod collection;
pub mod counter;
mod entry;
mod error;
mod event;
pub mod feed;
mod filter;
mod identity;
mod kind;
pub mod layer;
mod limits;
mod list;
mod maintenance;
mod name;
mod provider;
mod reading;
pub mod reserved;
mod secret;
mod setting;
mod store;
pub mod terminal;
mod transact;
mod transaction;
mod url;
mod watch;
#[cfg(feature = "serde")]
pub mod wire;
mod write;

pub use alphabet::Alphabet;
pub use answer::{Answer, BoxFuture};
pub use bucket::Bucket;
pub use capabilities::{
    Batching, Capabilities, Cas, Durability, Ends, Listing, Promptness, Reads, Watching,
};
pub use collection::{Collect, Collected, Members};
pub use entry::{Entry, Expires, ValueBytes, Version};
pub use error::{Error, Failure, Invalid, Result};
pub use event::{Event, ResumeToken};
pub use filter::Filter;
pub use identity::StoreId;
pub use kind::Kind;
pub use list::{Cursor, List, MAX_PAGE_BYTES, MAX_PAGE_KEYS, Page};
pub use maintenance::Maintenance;
pub use name::BucketName;
pub use provider::{Making, OpenError, Opening, Provider, UrlForm};
pub use secret::Secret;
pub use setting::{Setting, SettingError, SettingKind, Settings};
pub use store::Store;
pub use transact::{Action, Check, Operation, Part, Transacted, Transacting, Write, Written};
pub use transaction::Transaction;
pub use url::{StoreUrl, StoreUrlError};
pub use watch::{Since, Watch};
pub use write::{Change, Expected, Set, Swap};
