use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use redb::StorageBackend;

use crate::storage::Storage;

/// Opens the storage of a database, as often as needed.
pub(crate) struct Source {
    open: Box<Opener>,
    was_full: Arc<AtomicBool>,
}

type Opener = dyn Fn() -> io::Result<Box<dyn StorageBackend>> + Send;

// === impl Source ===

impl Source {
    pub(crate) fn new(
        open: impl Fn() -> io::Result<Box<dyn StorageBackend>> + Send + 'static,
    ) -> Self {
        Self {
            open: Box::new(open),
            was_full: Arc::default(),
        }
    }

    pub(crate) fn open(&self) -> io::Result<Arc<Storage>> {
        Ok(Arc::new(Storage::new(
            (self.open)()?,
            self.was_full.clone(),
        )))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}
