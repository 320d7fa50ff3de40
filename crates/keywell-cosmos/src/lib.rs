//! A key-value store on Azure Cosmos DB, by its interface for `NoSQL`.
//!
//! A store is a container whose partition key is `/bucket`, and a bucket is one of its logical
//! partitions. A key is a document, whose `id` is the key in an encoding that keeps the order of
//! bytes ([`names`]) and whose `data` is the value in base64. A version is the document's etag. A
//! deletion replaces the document with a tombstone, which the service collects after a while and
//! which reads and listings hide: the change feed, which watches read, carries no deletions.
//!
//! ```no_run
//! use keywell_cosmos::{CosmosOptions, CosmosStore};
//! use keywell_store::{BucketName, Making, Set, Store as _};
//!
//! # async fn example() -> keywell_store::Result<()> {
//! let mut options = CosmosOptions::new("shop.documents.azure.com", "shop", "keys");
//! options.key = std::env::var("COSMOS_KEY").ok().map(Into::into);
//! let store = CosmosStore::open(options, Making::Refused).await?;
//! let bucket = store.open(&BucketName::default()).await?;
//! bucket.set("key", "value".into(), Set::default()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//!
//! It was run on the emulator of the service's own client, and not on the service. It changes no
//! throughput, and no setting of a container that is there. A transaction is within one bucket, and
//! cannot check that a key is absent which it does not write.

#![forbid(unsafe_code)]

mod account;
mod backing;
mod document;
mod fault;
mod identity;
mod items;
pub mod names;
mod options;
mod provider;
mod reading;
mod store;
mod transact;
mod watch;
mod writing;

pub use options::CosmosOptions;
pub use provider::CosmosProvider;
pub use store::CosmosStore;
