//! Files: who may write to them, and whether they are as they were.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::MetadataExt as _;
use std::path::Path;

use crate::Access;

/// What differs where a file was written or replaced. Times have ticks of 100 ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    length: u64,
    created: u64,
    written: u64,
}

/// What reading a file answers that another process has locked.
const ERROR_LOCK_VIOLATION: i32 = 33;

/// Opens files as usual. Who may open a new one is up to its folder.
pub fn private() -> OpenOptions {
    OpenOptions::new()
}

/// Makes folders. Who may open a new one is up to the folder above.
pub fn private_folders() -> DirBuilder {
    DirBuilder::new()
}

/// Nothing: the file system keeps a log of names, and there is no call to wait for it.
///
/// # Errors
///
/// None.
pub fn sync_names(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether a file could not be read because another process has locked it: locks are mandatory
/// here.
pub fn is_locked(error: &io::Error) -> bool {
    error.raw_os_error() == Some(ERROR_LOCK_VIOLATION)
}

// === impl Access ===

impl Access {
    /// As if it belonged to this user alone: access control lists, which decide here, are not read.
    ///
    /// # Errors
    ///
    /// None.
    pub fn of(_open: &File) -> io::Result<Self> {
        let user = crate::process::user();
        Ok(Self {
            owner: user,
            user,
            mode: 0o600,
        })
    }
}

// === impl Stamp ===

impl Stamp {
    /// That of a file.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            length: metadata.file_size(),
            created: metadata.creation_time(),
            written: metadata.last_write_time(),
        }
    }
}
