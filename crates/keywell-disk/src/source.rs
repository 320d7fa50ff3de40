use std::fmt;
use std::io;
use std::sync::Arc;

use redb::StorageBackend;

use crate::storage::Storage;

/// Opens the storage of a database, as often as needed.
pub(crate) struct Source(Box<dyn Fn() -> io::Result<Box<dyn StorageBackend>> + Send>);

// === impl Source ===

impl Source {
    pub(crate) fn new(
        open: impl Fn() -> io::Result<Box<dyn StorageBackend>> + Send + 'static,
    ) -> Self {
        Self(Box::new(open))
    }

    pub(crate) fn open(&self) -> io::Result<Arc<Storage>> {
        Ok(Arc::new(Storage::new((self.0)()?)))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}
