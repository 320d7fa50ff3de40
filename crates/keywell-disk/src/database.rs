use std::collections::HashMap;
use std::sync::Arc;

use redb::{ReadableDatabase, ReadableTableMetadata};

use crate::error::undamaged;
use crate::log::Log;
use crate::marks::{self, Marks, Stored};
use crate::pages::Pages;
use crate::source::Source;
use crate::superblock::Superblock;
use crate::tables::{
    BUCKETS, CHANGES, ENTRIES, EXPIRY, META, META_COMMIT, META_HISTORY_BYTES, META_SEQUENCE,
    META_STORE,
};
use crate::{OpenError, Options, replay, trial};

/// A database that was just opened, and the state that the store keeps in memory.
pub(crate) struct Opened {
    pub(crate) database: redb::Database,
    pub(crate) log: Log,
    pub(crate) pages: Pages,
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

/// Opens a data file, and creates its content if it is empty and `making` allows it.
///
/// All data that it then reads is durable, even if the last commit was not acknowledged: redb syncs
/// the header of the commit that it chose before it opens, and what only the log holds is committed.
pub(crate) fn open(
    source: &Source,
    options: &Options,
    making: Making,
) -> Result<Opened, OpenError> {
    undamaged(|| open_trusting(source, options, making))
}

fn open_trusting(source: &Source, options: &Options, making: Making) -> Result<Opened, OpenError> {
    let file = source.open()?;
    let (superblock, is_new) = match Superblock::read(&*file) {
        Err(OpenError::Empty) if making == Making::Allowed => {
            let superblock = Superblock::new(options.log_bytes);
            superblock.write(&file)?;
            (superblock, true)
        }
        read => (read?, false),
    };
    let scanned = Log::scan(file.clone(), &superblock)?;
    let pages = Pages::new(file, &superblock);
    if !is_new {
        trial::check(&pages, options)?;
    }
    let database = redb::Builder::new()
        .set_cache_size(options.cache_bytes)
        .create_with_backend(pages.clone())?;
    if is_new {
        make(&database)?;
    }
    let log = replay::replay(&database, scanned, options.history)?;
    if !options.history.is_kept() {
        forget_history(&database)?;
    }
    let Stored { marks, buckets, .. } = marks::read(&database)?;
    let reading = database.begin_read()?;
    let store = marks::number(&reading.open_table(META)?, META_STORE)?;
    drop(reading);
    Ok(Opened {
        database,
        log,
        pages,
        store,
        marks,
        buckets,
    })
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
        meta.insert(META_STORE, rand::random::<u64>())?;
        meta.insert(META_COMMIT, 0)?;
        meta.insert(META_SEQUENCE, 0)?;
        meta.insert(META_HISTORY_BYTES, 0)?;
    }
    Ok(writing.commit()?)
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
