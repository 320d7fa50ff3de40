//! The tables of the database. Their names and keys are part of the [format](crate::superblock) on
//! disk: changing any of them is a new format.

use redb::TableDefinition;

/// The version of the layout of the file and of its tables. A file of another version is refused.
pub(crate) const FORMAT: u64 = 2;

/// The entries of all buckets: see [`entry`](crate::entry) for keys and values.
pub(crate) const ENTRIES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("entries");

/// The names and numbers of buckets. A number is never reused for another name, and the row outlives
/// the last key.
pub(crate) const BUCKETS: TableDefinition<&str, u32> = TableDefinition::new("buckets");

/// The history that watches read, by sequence number, without gaps: see [`record`](crate::record).
pub(crate) const CHANGES: TableDefinition<u64, &[u8]> = TableDefinition::new("changes");

/// The entries that expire, soonest first: the [time of the store](crate::clock) in milliseconds as
/// eight bytes big-endian, and the key in [`ENTRIES`].
pub(crate) const EXPIRY: TableDefinition<&[u8], ()> = TableDefinition::new("expiry");

/// Numbers of the whole store.
pub(crate) const META: TableDefinition<&str, u64> = TableDefinition::new("keywell");

/// In [`META`]: a random number that identifies this store, drawn when it was created.
pub(crate) const META_STORE: &str = "store";

/// In [`META`]: the number of the last commit, which is that of its frame in the
/// [log](crate::log) unless it was a checkpoint.
pub(crate) const META_COMMIT: &str = "commit";

/// In [`META`]: the sequence number of the last write in a bucket that keeps history.
pub(crate) const META_SEQUENCE: &str = "sequence";

/// In [`META`]: the version of the last write in a bucket that keeps no history. Absent without such
/// a write.
pub(crate) const META_LIVE: &str = "live";

/// In [`META`]: the total size of the values of [`CHANGES`], in bytes.
pub(crate) const META_HISTORY_BYTES: &str = "history-bytes";

/// In [`META`]: the store's time at the last commit, in milliseconds: see [`clock`](crate::clock).
/// Absent in a store without commits.
pub(crate) const META_TIME: &str = "time";

/// In [`META`]: the time of day at the last commit, in milliseconds since 1970.
pub(crate) const META_DAY: &str = "time-of-day";
