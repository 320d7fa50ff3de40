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
//! // Whatever was answered is there, also after a loss of power.
//! let store = DiskStore::open(&path)?;
//! let orders = store.open(&BucketName::parse("orders")?).await?;
//! assert_eq!(orders.get("o-1").await?.unwrap().value, "ten apples");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Writing
//!
//! One thread writes. It takes all that has gathered while the last transaction was committed,
//! writes it as the next, and answers everybody once that is on the disk for good. So a write
//! alone takes as long as the disk takes to sync, and many at a time share it. Swaps and
//! increments are evaluated in order inside the transaction; a batch is in one transaction, all or
//! none.
//!
//! A write that fails is `Unavailable` when it is certain that nothing was written, and
//! `Ambiguous` otherwise. After an I/O error, such as that of a full disk, the database is opened
//! anew without anybody's doing: reading goes on, and so does writing once there is room.
//! Past the limit of a file's size (`RLIMIT_FSIZE`) the system ends the process by SIGXFSZ, unless the
//! process handles or ignores that signal, as the program `keywell` does; then writes fail as those to
//! a full disk do.
//!
//! # Reading
//!
//! Reads never wait for writes and answer at once, on the thread that asks: a few page reads for a
//! key, from memory if they are in the cache and from the disk otherwise; at most 4 MiB of entries
//! for a page of a listing; the values asked for in a batch.
//!
//! # Watching
//!
//! Every change is kept in a history on disk, as long as its limits allow ([`Options`]), so that a
//! watch can be resumed after a restart. What is told is durable.
//!
//! # Expiry
//!
//! Times to live go by the store's own time. It advances by the machine's uptime while the store is
//! open, and by the time of day while it is closed, and never goes back. So setting the time of day
//! revives no expired key, and changes the life of no key that is set afterwards. A time of day that
//! is later than it should be when the store is opened ends the keys whose time falls in between.
//!
//! # The folder
//!
//! A folder that every user of the machine may write to is refused. One that its group may write to
//! or that belongs to another user is used, with a warning in the log. Nothing in it is opened through
//! a symbolic link. Folders above it, and links that lead to it, are trusted.
//!
//! Only a file that is created under another name first becomes a new database: a data file that is
//! there and is empty, truncated, or of another program is refused, and never written to.
//!
//! # What it does not do
//!
//! It is for one process at a time, on a local disk: network file systems lock and sync in their
//! own ways. The file does not shrink when entries are deleted; their room is used again. It
//! encrypts nothing.

#![forbid(unsafe_code)]

mod bucket;
mod change;
mod clock;
mod database;
mod directory;
mod entry;
mod error;
#[cfg(test)]
mod expiry;
mod folder;
mod group;
mod lock;
mod open;
mod operation;
mod options;
mod page;
mod queue;
mod source;
mod storage;
mod store;
mod tables;
mod trial;
mod watch;
mod writer;

pub use error::OpenError;
pub use lock::Holder;
pub use options::Options;
pub use store::DiskStore;
