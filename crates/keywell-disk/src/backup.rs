use std::path::Path;

use redb::ReadableDatabase as _;

use crate::copying::copy_all;
use crate::error::undamaged;
use crate::folder::Claimed;
use crate::open::Handle;
use crate::queue::closed;
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
