//! Files: who may write to them, and whether they are as they were.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::Access;

/// What differs where a file was written or replaced, also within one tick of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    file: (u64, u64),
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Opens files as usual, and creates them for their owner alone.
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Makes folders for their owner alone.
pub fn private_folders() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

/// Writes the names in a folder to the disk.
///
/// # Errors
///
/// Those of `fsync`.
pub fn sync_names(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Whether a file could not be read because another process has locked it: never, as locks are
/// advisory here.
pub fn is_locked(_error: &io::Error) -> bool {
    false
}

// === impl Access ===

impl Access {
    /// Reads it from a file or a folder that is open.
    ///
    /// # Errors
    ///
    /// Those of `fstat`.
    pub fn of(open: &File) -> io::Result<Self> {
        let metadata = open.metadata()?;
        Ok(Self {
            owner: metadata.uid(),
            user: crate::process::user(),
            mode: metadata.mode() & 0o7777,
        })
    }
}

// === impl Stamp ===

impl Stamp {
    /// That of a file.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}
