//! A durable key-value store in a folder, with group commit.
//!
//! ```
//! use keywell_disk::DiskStore;
//! use keywell_store::{BucketName, Set, Store};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("store");
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! let store = DiskStore::open(&path)?;
//! let orders = store.open(&BucketName::parse("orders")?).await?;
//! orders.set("o-1", "ten apples".into(), Set::default()).await?;
//! store.close().await?;
//!
//! // Acknowledged writes survive, also a power loss.
//! let store = DiskStore::open(&path)?;
//! let orders = store.open(&BucketName::parse("orders")?).await?;
//! assert_eq!(orders.get("o-1").await?.unwrap().value, "ten apples");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Writing
//!
//! One thread writes. It commits all writes that arrived during the last commit as one transaction,
//! and answers them once that is durable. A single write takes as long as a sync of the disk;
//! concurrent writes share one. The transaction is appended to a log, and the database itself is
//! synced only when the log is full: every few thousand commits one waits for that. Swaps and
//! increments are evaluated in order inside the transaction. A batch is in one transaction, so it
//! is atomic. So is a [`Transaction`](keywell_store::Transaction) over all buckets, of at most
//! 10,000 checks and writes and 64 MiB.
//!
//! A failed write is `Unavailable` if certainly nothing was written, and `Ambiguous` otherwise.
//! After an I/O error, such as a full disk, the database is opened again automatically: reads
//! continue, and so do writes once there is space. Past the limit of a file's size (`RLIMIT_FSIZE`)
//! the system kills the process with SIGXFSZ, unless the process handles or ignores that signal, as
//! the program `keywell` does; then writes fail as on a full disk.
//!
//! # Reading
//!
//! Reads answer at once, on the calling thread, and do not wait for writes. One exception is the sync
//! of a file that just grew. A key takes a few page reads, from the cache or from the disk; a page of a listing reads at most 4 MiB of entries; a
//! batch reads the requested values.
//!
//! Each page is verified when it is read. A damaged one is
//! [`Corrupt`](keywell_store::Error::Corrupt), with the bucket and the key, and never a wrong or missing
//! value. [`DiskStore::check`] reads everything.
//!
//! # Watching
//!
//! The store keeps a history of changes on disk, within limits ([`Options`]), of all but
//! [reserved](keywell_store::reserved) buckets, so that a watch can be resumed after a restart. An
//! event is delivered only once its change is durable.
//!
//! # Expiry
//!
//! Times to live use the store's own time. It advances with the machine's uptime while the store is
//! open, and with the time of day while it is closed, and never goes back. So setting the time of day
//! revives no expired key, and does not affect keys that are set afterwards. If the time of day is
//! ahead when the store is opened, keys expire early by that.
//!
//! # The folder
//!
//! A folder that every user of the machine may write to is refused. A folder that its group may write
//! to, or that belongs to another user, is used with a warning in the log. Files in it are never opened
//! by a symbolic link. Parent folders, and links to the folder, are trusted.
//!
//! `docs/disk.md` has the format of the data file. A new file is created under another name and
//! then renamed. An existing data file that is empty, truncated, or of another program is refused,
//! and never written to.
//!
//! # What it does not do
//!
//! It serves one process at a time, on a local disk: network file systems lock and sync differently.
//! The file shrinks only when it is compacted ([`Store::maintain`](keywell_store::Store::maintain));
//! the space of deleted entries is reused. It does not encrypt.

#![forbid(unsafe_code)]

mod backup;
mod bucket;
mod check;
mod checksum;
mod clock;
mod commit;
mod compact;
mod copying;
mod damaged;
mod database;
mod directory;
mod entry;
mod error;
#[cfg(test)]
mod expiry;
mod folder;
mod follow;
mod group;
mod history;
mod limits;
mod live;
mod lock;
mod log;
mod marks;
mod open;
mod operation;
mod options;
mod page;
mod pages;
mod planned;
mod provider;
mod queue;
mod record;
mod recording;
mod redo;
mod replay;
mod salvage;
mod snapshot;
mod source;
mod storage;
mod store;
mod sums;
mod superblock;
mod tables;
mod task;
mod transact;
mod trial;
mod watch;
mod writer;

pub use check::Checked;
pub use error::OpenError;
pub use lock::Holder;
pub use options::Options;
pub use provider::DiskProvider;
pub use salvage::Salvaged;
pub use store::DiskStore;
