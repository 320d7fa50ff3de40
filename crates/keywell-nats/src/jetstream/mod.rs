//! Buckets that NATS servers keep in `JetStream`, one stream a bucket.
//!
//! They are the key-value buckets of NATS (ADR-8), and the `nats kv` tool reads and writes them. A
//! version is the sequence of the message that wrote a key. Every write is one message, or a batch,
//! that is sent once; [`writing`] says what becomes of one that is not acknowledged. Reads of the
//! server see what was acknowledged before; [`reading`] says by which server. Unless it is off,
//! [`crate::near`] answers reads from a copy.

pub(crate) mod api;
pub(crate) mod backing;
mod batch;
pub(crate) mod bucket;
pub(crate) mod consumer;
pub(crate) mod listing;
pub(crate) mod message;
mod names;
mod options;
mod provider;
pub(crate) mod reading;
mod store;
pub(crate) mod stream;
mod transact;
mod watch;
mod writing;

pub use options::JetStreamOptions;
pub use provider::JetStreamProvider;
pub use store::JetStreamStore;
pub use stream::Storage;
