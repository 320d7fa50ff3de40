//! A key-value store in a PostgreSQL database, version 13 or newer.
//!
//! ```no_run
//! use keywell_postgres::{Options, PostgresStore};
//! use keywell_store::{BucketName, Set, Store};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # runtime.block_on(async {
//! let options = Options::from_url("postgres://me:secret@127.0.0.1/app?answer-timeout=2s")?;
//! let store = PostgresStore::connect(&options).await?;
//! let orders = store.open(&BucketName::parse("orders")?).await?;
//! orders.set("o-1", "ten apples".into(), Set::default()).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Tables
//!
//! `schema.sql` has the tables and functions; they stand in a schema of their own, which is made when
//! the store is first opened and migrated by later versions. A key is `bytea`, since text cannot have
//! a NUL, and is ordered by its bytes.
//!
//! # Writing
//!
//! Every write is one call of the function `apply`, and one transaction: a set, a swap, an increment,
//! a batch, and a [`Transaction`](keywell_store::Transaction) over all buckets, of at most 10,000
//! checks and writes and 64 MiB. It locks all its keys first, in one order, by advisory locks, which
//! an absent key has as well. It is never sent twice. A write whose answer is lost is `Ambiguous`;
//! what the server says it rolled back is `Unavailable`.
//!
//! An acknowledged write is as durable as the server's `fsync` and `synchronous_commit` make it. A
//! crash without them, or a failover to an asynchronous replica, may lose the last writes, and watches
//! may have delivered them. No version of a lost write is used again: the function `settle`, which each
//! session calls before it writes, begins an epoch of the store where no session outlived the last one.
//!
//! # Watching
//!
//! `apply` records each change with its transaction. A watch reads what became visible between two
//! snapshots of the database, so nothing that commits late is missed, and the changes of a key have
//! the order of their versions, which are assigned under its lock. A resume token is a snapshot with its
//! epoch, since a server that crashed or was promoted uses numbers of transactions again. The oldest
//! changes are removed past the limits, some of them later than others; a watch that may miss
//! one ends as [`Compacted`](keywell_store::Invalid::Compacted).
//!
//! A process wakes its own watches, and announces its writes to others by `NOTIFY`, after their
//! commit. `LISTEN` has a connection of its own while there are watches. It may be lost: watches look
//! every second. While the server cannot be reached they wait for it.
//!
//! # Expiry
//!
//! Times to live follow the server's clock. Reads hide what has expired, and every process that has
//! the store open removes it: within milliseconds if it has set the key or the key was there when it
//! last looked, and within five seconds otherwise.
//!
//! # What it does not do
//!
//! It reads from the primary only. A pooler such as `PgBouncer` has to keep a session for each
//! connection, since statements are prepared and settings set. A connection by a Unix socket is not
//! encrypted.

#![forbid(unsafe_code)]

mod bucket;
mod error;
mod limits;
mod link;
mod listener;
mod log;
mod open;
mod options;
mod passwords;
mod pool;
mod position;
mod provider;
mod reading;
mod schema;
mod server;
mod store;
mod sweeper;
mod table;
mod tls;
mod unit;
mod watch;

pub use error::OpenError;
pub use options::Options;
pub use provider::PostgresProvider;
pub use store::PostgresStore;
