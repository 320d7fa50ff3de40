use std::collections::HashMap;
use std::sync::Arc;

use redb::{ReadableDatabase, ReadableTable};

use crate::clock::Mark;
use crate::tables::{
    BUCKETS, CHANGES, EXPIRY, META, META_COMMIT, META_DAY, META_HISTORY_BYTES, META_LIVE,
    META_SEQUENCE, META_TIME,
};
use crate::{OpenError, entry};

/// The state of the writer, which is also on disk as of the last commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The sequence number of the last write in a bucket that keeps history.
    pub(crate) sequence: u64,
    /// The version of the last write in a bucket that keeps none. It is past every sequence number
    /// up to then.
    pub(crate) live: u64,
    /// The sequence number of the oldest event that is kept; `sequence + 1` if none is.
    pub(crate) oldest: u64,
    /// See [`META_HISTORY_BYTES`](crate::tables::META_HISTORY_BYTES).
    pub(crate) history_bytes: u64,
    /// The number of the next bucket.
    pub(crate) next_bucket: u32,
    /// When the next entry expires, by the store's time.
    pub(crate) next_due: Option<u64>,
    /// The time of the last commit; `None` in a new store.
    pub(crate) time: Option<Mark>,
}

/// What a database states of itself.
pub(crate) struct Stored {
    pub(crate) marks: Marks,
    /// The number of each bucket.
    pub(crate) buckets: HashMap<Arc<str>, u32>,
    /// The number of the last commit.
    pub(crate) commit: u64,
}

/// A number of the table [`META`] that is always there.
pub(crate) fn number(
    meta: &impl ReadableTable<&'static str, u64>,
    name: &str,
) -> Result<u64, OpenError> {
    match meta.get(name)? {
        Some(number) => Ok(number.value()),
        None => Err(redb::StorageError::Corrupted(format!("{name} is missing")).into()),
    }
}

pub(crate) fn read(database: &redb::Database) -> Result<Stored, OpenError> {
    let reading = database.begin_read()?;
    let meta = reading.open_table(META)?;
    let sequence = number(&meta, META_SEQUENCE)?;
    let live = meta.get(META_LIVE)?.map_or(0, |live| live.value());
    let time = meta.get(META_TIME)?.zip(meta.get(META_DAY)?);
    let time = time.map(|(store, day)| Mark {
        store: store.value(),
        day: day.value(),
    });
    let changes = reading.open_table(CHANGES)?;
    let oldest = changes.first()?;
    let expiry = reading.open_table(EXPIRY)?;
    let due = expiry.first()?;
    let mut buckets = HashMap::new();
    for row in reading.open_table(BUCKETS)?.iter()? {
        let (name, bucket) = row?;
        buckets.insert(Arc::from(name.value()), bucket.value());
    }
    let marks = Marks {
        sequence,
        live,
        oldest: oldest.map_or(sequence + 1, |(sequence, _)| sequence.value()),
        history_bytes: number(&meta, META_HISTORY_BYTES)?,
        next_bucket: buckets.values().max().map_or(0, |last| last + 1),
        next_due: due.and_then(|(row, _)| {
            let (expires, _) = entry::split_expiry_row(row.value()).ok()?;
            Some(expires)
        }),
        time,
    };
    Ok(Stored {
        marks,
        buckets,
        commit: number(&meta, META_COMMIT)?,
    })
}
