//! A key-value store on etcd, 3.4 and newer.
//!
//! A bucket is a range of etcd's keys: `PREFIX/BUCKET/KEY`, with plain values, so other clients read
//! and write them too. A version is the revision that wrote a key. Swaps, increments and
//! transactions are transactions of etcd, reads are linearizable, and watches resume for as long as
//! etcd keeps its history.
//!
//! ```no_run
//! use keywell_etcd::{EtcdOptions, EtcdStore};
//! use keywell_store::{BucketName, Set, Store as _};
//!
//! # async fn example() -> keywell_store::Result<()> {
//! let store = EtcdStore::open(EtcdOptions::new(["127.0.0.1:2379"])).await?;
//! let bucket = store.open(&BucketName::default()).await?;
//! bucket.set("key", "value".into(), Set::default()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//!
//! It starts no server, compacts no history, and makes no user. It does not hide a key between the
//! end of its time to live and the moment at which etcd deletes it.

#![forbid(unsafe_code)]

mod backing;
mod lease;
mod link;
mod names;
mod options;
mod provider;
mod reading;
mod rpc;
mod store;
mod transact;
mod txn;
mod watch;
mod writing;

pub use options::EtcdOptions;
pub use provider::EtcdProvider;
pub use store::EtcdStore;
