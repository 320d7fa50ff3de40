//! A key-value store on Firestore, in its native mode.
//!
//! A key is a document, `COLLECTION/BUCKET/COLLECTION/KEY`, with the fields `value` (bytes),
//! `expires` (a timestamp, for a key with a time to live) and `write`, which differs at each write.
//! A version is the update time of the document. Swaps and increments are commits with a
//! precondition on it, transactions are those of Firestore, and watches resume by its listeners.
//!
//! ```no_run
//! use keywell_firestore::{FirestoreOptions, FirestoreStore};
//! use keywell_store::{BucketName, Set, Store as _};
//!
//! # async fn example() -> keywell_store::Result<()> {
//! let store = FirestoreStore::open(FirestoreOptions::new("my-project")).await?;
//! let bucket = store.open(&BucketName::default()).await?;
//! bucket.set("key", "value".into(), Set::default()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//!
//! It makes no database, no index and no policy of times to live: without a policy for the field
//! `expires`, expired keys are hidden and stay stored. It was tested on a fake that follows the
//! service's documentation, and never on the service.

#![forbid(unsafe_code)]

mod backing;
mod clock;
mod document;
mod link;
mod names;
mod options;
mod past;
mod provider;
mod reading;
mod rpc;
mod store;
mod transact;
mod watch;
mod writing;

pub use options::FirestoreOptions;
pub use provider::FirestoreProvider;
pub use store::FirestoreStore;
