//! A key-value store on Amazon DynamoDB.
//!
//! The buckets of a store share one table. An item is a key: its partition key is the bucket, its
//! sort key the key, and its version a random token, so that no deletion brings a version back.
//! Reads are consistent. Swaps and increments are conditional writes, transactions are DynamoDB's,
//! and watches read the table's stream, where it has one.
//!
//! ```no_run
//! use keywell_dynamodb::{DynamoDbOptions, DynamoDbStore};
//! use keywell_store::{BucketName, Set, Store as _};
//!
//! # async fn example() -> keywell_store::Result<()> {
//! let options = DynamoDbOptions {
//!     region: Some("eu-central-1".to_owned()),
//!     ..DynamoDbOptions::new("keywell")
//! };
//! let store = DynamoDbStore::open(options).await?;
//! let bucket = store.open(&BucketName::default()).await?;
//! bucket.set("key", "value".into(), Set::default()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Requests
//!
//! The retries of the SDK are off. A read is sent again until the time for an answer is over, and a
//! write only while DynamoDB says that it did nothing, as when it throttles. A write that was sent
//! and not answered is [`Ambiguous`](keywell_store::Error::Ambiguous), except that a transaction is
//! sent again with the same `ClientRequestToken`, by which DynamoDB performs it once.
//!
//! # What it does not do
//!
//! It deletes no expired keys: it hides them at once, by the clock of its machine, and DynamoDB
//! collects them within days. It changes no table that exists.

#![forbid(unsafe_code)]

mod backing;
mod batch;
mod condition;
mod connect;
mod fault;
mod item;
mod link;
mod options;
mod provider;
mod reading;
mod store;
mod table;
mod transact;
mod watch;
mod writing;

pub use options::DynamoDbOptions;
pub use provider::DynamoDbProvider;
pub use store::DynamoDbStore;
