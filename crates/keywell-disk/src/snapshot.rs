use std::sync::Arc;

use parking_lot::RwLock;
use redb::{ReadOnlyTable, ReadTransaction, ReadableDatabase};

use crate::error::Fault;
use crate::tables::ENTRIES;

/// A committed state, with the table of entries open.
pub(crate) struct Snapshot {
    pub(crate) reading: ReadTransaction,
    pub(crate) entries: ReadOnlyTable<&'static [u8], &'static [u8]>,
}

/// The snapshot of the last commit. Readers share it until the next commit, as beginning a transaction
/// and opening a table cost as much as the read of a key.
#[derive(Default)]
pub(crate) struct Latest(RwLock<Option<Arc<Snapshot>>>);

// === impl Snapshot ===

impl Snapshot {
    fn begin(database: &redb::Database) -> Result<Self, Fault> {
        let reading = database.begin_read()?;
        let entries = reading.open_table(ENTRIES)?;
        Ok(Self { reading, entries })
    }
}

// === impl Latest ===

impl Latest {
    pub(crate) fn get(&self, database: &redb::Database) -> Result<Arc<Snapshot>, Fault> {
        if let Some(snapshot) = &*self.0.read() {
            return Ok(snapshot.clone());
        }
        // It begins under the lock, so that a commit that ends it waits for it.
        let mut latest = self.0.write();
        if let Some(snapshot) = &*latest {
            return Ok(snapshot.clone());
        }
        let snapshot = Arc::new(Snapshot::begin(database)?);
        *latest = Some(snapshot.clone());
        Ok(snapshot)
    }

    /// Ends the snapshot: after each commit, before anyone learns of it, and before the database is
    /// closed.
    pub(crate) fn end(&self) {
        let ended = self.0.write().take();
        // Without the lock.
        drop(ended);
    }
}

impl std::fmt::Debug for Latest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Latest").finish_non_exhaustive()
    }
}
