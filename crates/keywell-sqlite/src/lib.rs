//! A key-value store in a `SQLite` file, which several processes of a machine share.
//!
//! ```
//! use keywell_sqlite::SqliteStore;
//! use keywell_store::{BucketName, Set, Store};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("store.db");
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! let store = SqliteStore::open(&path)?;
//! let orders = store.open(&BucketName::parse("orders")?).await?;
//! orders.set("o-1", "ten apples".into(), Set::default()).await?;
//!
//! // Another process, or this one, has the same file open.
//! let other = SqliteStore::open(&path)?;
//! let orders = other.open(&BucketName::parse("orders")?).await?;
//! assert_eq!(orders.get("o-1").await?.unwrap().value, "ten apples");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Writing
//!
//! One thread writes. It commits all writes that arrived during the last commit as one transaction,
//! and answers them once that is committed. By default a commit waits for the disk
//! (`synchronous=FULL` in WAL mode). Swaps and increments are evaluated inside the transaction, which
//! holds `SQLite`'s write lock, so they see the writes of every process. A batch is atomic, and so is a
//! [`Transaction`](keywell_store::Transaction) over all buckets, of at most 10,000 checks and writes
//! and 64 MiB. A version is the number of a write, counted in the file, and never used twice.
//!
//! A write waits for the lock of another process for five seconds ([`Options::busy_timeout`]) and is
//! then `Unavailable`. A failed commit is `Unavailable` if certainly nothing was written, as on a full
//! disk, and `Ambiguous` if it may be found after a crash, as when the disk fails to sync. After an
//! error, reads continue, and so do writes once their cause is gone.
//!
//! # Reading
//!
//! Reads wait for no writer (WAL mode) and answer at once, on the calling thread, from one connection
//! of several. In the rare cases in which `SQLite` locks out readers, such as a recovery after a crash,
//! a read waits on another thread.
//!
//! # Watching
//!
//! The file has a table of changes, within limits ([`Options`]), so that a watch delivers every write
//! of every process and can be resumed after a restart. What this process commits is delivered at
//! once. For what others commit, the writer polls `PRAGMA data_version` every 50 ms, while there are
//! watches. [Reserved](keywell_store::reserved) buckets have a short table of their own, for live
//! watches.
//!
//! # Expiry
//!
//! The end of a time to live is stored as a time of day, which is the only clock that processes share.
//! Reads hide what has expired; the process whose next write comes first, or whose key expires,
//! deletes it, and watches deliver that. If the time of day is set, keys expire earlier or later by
//! that, and an expired key that is not deleted yet may return.
//!
//! # The file
//!
//! `docs/sqlite.md` describes its tables, and how other programs read and write it. The file is
//! created whole, for its owner only. A file that is empty, of another program or of a later schema is
//! refused, and not written to; one of an earlier schema is migrated.
//!
//! # What it does not do
//!
//! It does not work on network file systems, on which processes share no memory. The file does not
//! shrink when entries are deleted; their space is reused. It does not encrypt.

#![forbid(unsafe_code)]

mod bucket;
mod error;
mod file;
mod group;
mod history;
mod limits;
mod log;
mod marks;
mod open;
mod options;
mod page;
mod provider;
mod queue;
mod readers;
mod reading;
mod schema;
mod store;
mod time;
mod unit;
mod watch;
mod writer;

pub use error::OpenError;
pub use options::Options;
pub use provider::SqliteProvider;
pub use store::SqliteStore;
