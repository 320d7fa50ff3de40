use std::path::Path;

use redb::{ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use crate::error::undamaged;
use crate::folder::Claimed;
use crate::open::Handle;
use crate::queue::closed;
use crate::tables::{BUCKETS, CHANGES, ENTRIES, EXPIRY, META};
use crate::{DiskStore, OpenError, Options};

// === impl DiskStore ===

impl DiskStore {
    /// Copies the store, as it is at one instant, into a new folder, while it is in use. The copy is
    /// a store of its own with the same history, and has no unused space. Every page that is read is
    /// verified.
    ///
    /// It reads and writes the whole store on the calling thread.
    ///
    /// # Errors
    ///
    /// [`OpenError::Exists`] if there is a store in that folder.
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<(), OpenError> {
        let reading = match &*self.core().handle.read() {
            Handle::Open(database, _) => database.begin_read()?,
            Handle::Broken(error) => return Err(OpenError::Replay(error.clone())),
            Handle::Closed => return Err(OpenError::Replay(closed())),
        };
        Claimed::fill_new(path.as_ref(), &Options::default(), |database| {
            undamaged(|| copy_all(&reading, database))
        })
    }
}

/// Copies all tables of a store into a new database.
pub(crate) fn copy_all(from: &ReadTransaction, database: &redb::Database) -> Result<(), OpenError> {
    let mut writing = database.begin_write()?;
    writing.set_quick_repair(true);
    copy(from, &writing, ENTRIES)?;
    copy(from, &writing, BUCKETS)?;
    copy(from, &writing, CHANGES)?;
    copy(from, &writing, EXPIRY)?;
    copy(from, &writing, META)?;
    Ok(writing.commit()?)
}

fn copy<K: redb::Key, V: redb::Value>(
    from: &ReadTransaction,
    to: &WriteTransaction,
    table: TableDefinition<'static, K, V>,
) -> Result<(), OpenError> {
    let mut to = to.open_table(table)?;
    for row in from.open_table(table)?.iter()? {
        let (key, value) = row?;
        to.insert(key.value(), value.value())?;
    }
    Ok(())
}
