use std::path::Path;
use std::sync::Arc;

use keywell_store::{Answer, Bucket, BucketName, Check, Store, StoreId, Transacted, Write};

use crate::bucket::SqliteBucket;
use crate::open::{Core, Open};
use crate::readers::Readers;
use crate::unit::Unit;
use crate::writer::Writer;
use crate::{OpenError, Options, file, reading};

/// A store in a `SQLite` file.
///
/// It stays open until it is closed, or until the store, its buckets, their answers and watches are
/// all dropped. The last drop waits for writes in progress.
#[derive(Clone, Debug)]
pub struct SqliteStore(Arc<Open>);

// === impl SqliteStore ===

impl SqliteStore {
    /// Opens the store in this file, and creates it if there is none, and the folders above it. New
    /// files and folders are accessible to their owner only.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; a file that is no store is never written to.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::builder().open(path)
    }

    /// Options for opening a store.
    pub fn builder() -> Options {
        Options::default()
    }
}

impl Store for SqliteStore {
    fn id(&self) -> Option<StoreId> {
        Some(self.0.core().id)
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        Answer::now(Arc::new(SqliteBucket::new(self.0.clone(), name.clone())))
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        match Unit::transaction(checks, writes) {
            Ok(unit) if unit.is_empty() => Answer::now(Transacted::Done(Vec::new())),
            Ok(unit) => self.0.write(unit),
            Err(error) => error.into(),
        }
    }

    fn buckets(&self) -> Answer<Vec<BucketName>> {
        self.0.read(reading::buckets)
    }

    /// Commits an empty transaction, and waits for the disk.
    fn health(&self) -> Answer<()> {
        self.0.write(Unit::default()).map(drop)
    }

    /// Waits until accepted writes are committed, and closes the file. Later reads answer
    /// `Unavailable`, too.
    fn close(&self) -> Answer<()> {
        self.0.close()
    }
}

// === impl Options ===

impl Options {
    /// Opens the store in this file, and creates it if there is none: see [`SqliteStore::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore, OpenError> {
        let path = file::absolute(path.as_ref())?;
        let connection = file::open(&path, &self)?;
        let sql = "SELECT store FROM keywell";
        let store = connection.query_row(sql, [], |row| row.get(0))?;
        let readers = Readers::new(path, self.clone());
        let core = Arc::new(Core::new(store, self, readers));
        let writer = Writer::start(core.clone(), connection)?;
        Ok(SqliteStore(Arc::new(Open::new(core, writer))))
    }
}
