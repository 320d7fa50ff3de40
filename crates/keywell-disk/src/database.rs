use std::collections::HashMap;
use std::sync::Arc;

use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata, TableHandle};

use crate::clock::Mark;
use crate::error::undamaged;
use crate::marks::Marks;
use crate::source::Source;
use crate::tables::{
    BUCKETS, CHANGES, ENTRIES, EXPIRY, FORMAT, META, META_DAY, META_FORMAT, META_HISTORY_BYTES,
    META_LIVE, META_SEQUENCE, META_STORE, META_TIME,
};
use crate::{OpenError, Options, entry, trial};

/// A database that was just opened, and the state that the store keeps in memory.
pub(crate) struct Opened {
    pub(crate) database: redb::Database,
    /// See [`META_STORE`].
    pub(crate) store: u64,
    pub(crate) marks: Marks,
    /// The number of each bucket.
    pub(crate) buckets: HashMap<Arc<str>, u32>,
}

/// Whether an empty file may become a database.
///
/// Only a file that was just created may. An existing file that is empty, or has no tables, has lost
/// its content: a new database has its tables before its file gets its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Making {
    Allowed,
    Refused,
}

/// Opens a database, and creates its tables if it is empty and `making` allows it.
///
/// All data that it then reads is durable, even if the last commit was not acknowledged: redb syncs
/// the header of the commit that it chose before it opens.
pub(crate) fn open(
    source: &Source,
    options: &Options,
    making: Making,
) -> Result<Opened, OpenError> {
    undamaged(|| open_trusting(source, options, making))
}

fn open_trusting(source: &Source, options: &Options, making: Making) -> Result<Opened, OpenError> {
    match trial::check(source, options) {
        Err(OpenError::Empty) if making == Making::Allowed => {}
        checked => checked?,
    }
    let storage = source.open()?;
    let database = redb::Builder::new()
        .set_cache_size(options.cache_bytes)
        .create_with_backend(storage)?;
    let reading = database.begin_read()?;
    let tables: Vec<String> = reading
        .list_tables()?
        .map(|table| table.name().to_owned())
        .collect();
    let is_empty = tables.is_empty() && reading.list_multimap_tables()?.next().is_none();
    if is_empty && making == Making::Allowed {
        make(&database)?;
    } else if !tables.iter().any(|name| name == META.name()) {
        return Err(OpenError::Foreign);
    }
    drop(reading);
    check(&database)?;
    if !options.history.is_kept() {
        forget_history(&database)?;
    }
    read(database)
}

fn make(database: &redb::Database) -> Result<(), OpenError> {
    let mut writing = database.begin_write()?;
    writing.set_quick_repair(true);
    writing.open_table(ENTRIES)?;
    writing.open_table(BUCKETS)?;
    writing.open_table(CHANGES)?;
    writing.open_table(EXPIRY)?;
    {
        let mut meta = writing.open_table(META)?;
        meta.insert(META_FORMAT, FORMAT)?;
        meta.insert(META_STORE, rand::random::<u64>())?;
        meta.insert(META_SEQUENCE, 0)?;
        meta.insert(META_HISTORY_BYTES, 0)?;
    }
    Ok(writing.commit()?)
}

fn check(database: &redb::Database) -> Result<(), OpenError> {
    let reading = database.begin_read()?;
    let meta = match reading.open_table(META) {
        Err(redb::TableError::Storage(error)) => return Err(error.into()),
        Err(_) => return Err(OpenError::Foreign),
        Ok(meta) => meta,
    };
    match meta.get(META_FORMAT)?.map(|format| format.value()) {
        Some(FORMAT) => Ok(()),
        Some(found) => Err(OpenError::Format { found }),
        None => Err(OpenError::Foreign),
    }
}

/// Deletes the history. While no history is kept, events are missing, so an earlier history must not
/// be continued.
fn forget_history(database: &redb::Database) -> Result<(), OpenError> {
    if database.begin_read()?.open_table(CHANGES)?.is_empty()? {
        return Ok(());
    }
    let mut writing = database.begin_write()?;
    writing.set_quick_repair(true);
    writing.delete_table(CHANGES)?;
    writing.open_table(CHANGES)?;
    writing.open_table(META)?.insert(META_HISTORY_BYTES, 0)?;
    Ok(writing.commit()?)
}

fn read(database: redb::Database) -> Result<Opened, OpenError> {
    let reading = database.begin_read()?;
    let meta = reading.open_table(META)?;
    let number = |name: &str| match meta.get(name)? {
        Some(number) => Ok(number.value()),
        None => Err(OpenError::Database(Box::new(redb::Error::Corrupted(
            format!("{name} is missing"),
        )))),
    };
    let sequence = number(META_SEQUENCE)?;
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
        history_bytes: number(META_HISTORY_BYTES)?,
        next_bucket: buckets.values().max().map_or(0, |last| last + 1),
        next_due: due.and_then(|(row, _)| {
            let (expires, _) = entry::split_expiry_row(row.value()).ok()?;
            Some(expires)
        }),
        time,
    };
    let store = number(META_STORE)?;
    drop((meta, changes, expiry, reading));
    Ok(Opened {
        database,
        store,
        marks,
        buckets,
    })
}
