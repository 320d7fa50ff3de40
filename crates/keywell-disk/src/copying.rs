use redb::{ReadTransaction, ReadableTable as _, TableDefinition, WriteTransaction};

use crate::OpenError;
use crate::tables::{BUCKETS, CHANGES, ENTRIES, EXPIRY, META};

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
