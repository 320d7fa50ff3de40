use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use keywell_folder::{Concern, Folder};
use redb::StorageBackend;
use redb::backends::FileBackend;

use crate::database::{self, Making};
use crate::lock::{Lock, LockError};
use crate::source::Source;
use crate::{OpenError, Options};

const DATA: &str = "data.redb";
const DATA_BEING_MADE: &str = "data.redb.new";

/// The folder of a data file.
#[derive(Debug)]
pub(crate) struct Place(Folder);

/// The folder of a store, locked by this process, with a database in it.
#[derive(Debug)]
pub(crate) struct Claimed {
    folder: Folder,
    lock: Lock,
}

// === impl Claimed ===

impl Claimed {
    /// Locks the folder, and creates it and the database if they are missing.
    pub(crate) fn claim(path: &Path, options: &Options) -> Result<Self, OpenError> {
        // Absolute, so that errors name it also if the process changes its working directory.
        let absolute = std::path::absolute(path).map_err(|source| OpenError::Folder {
            path: path.into(),
            source,
        })?;
        let path = &*absolute;
        if path.exists() && !path.is_dir() {
            return Err(OpenError::NotAFolder { path: path.into() });
        }
        let failed = |source| OpenError::Folder {
            path: path.into(),
            source,
        };
        let missing = || OpenError::Missing { path: path.into() };
        let is_new = !path.exists();
        let opened = if options.existing {
            Folder::open(path)
        } else {
            Folder::make(path)
        };
        let folder = opened.map_err(|error| match error.kind() {
            ErrorKind::NotFound if options.existing => missing(),
            _ => failed(error),
        })?;
        check_access(&folder)?;
        // A file that cannot be accessed may exist.
        let has_data = folder.contains(DATA).map_err(failed)?;
        if options.existing && !has_data {
            return Err(missing());
        }
        let lock = Lock::take(&folder).map_err(|error| match error {
            LockError::Held(holder) => OpenError::Locked {
                path: path.into(),
                holder,
            },
            LockError::Io(source) => OpenError::Folder {
                path: path.join(Lock::NAME),
                source,
            },
        })?;
        // Checked again: another process may have created it before it released the lock.
        if !folder.contains(DATA).map_err(failed)? {
            make(&folder, options, |_| Ok(()))?;
        }
        if is_new && let Some(parent) = path.parent() {
            let synced = Folder::open(parent).and_then(|parent| parent.sync());
            synced.map_err(failed)?;
        }
        Ok(Self { folder, lock })
    }

    /// Creates a store in a folder that has none, and fills its database.
    pub(crate) fn fill_new(
        path: &Path,
        options: &Options,
        write: impl FnOnce(&redb::Database) -> Result<(), OpenError>,
    ) -> Result<(), OpenError> {
        let failed = |source| OpenError::Folder {
            path: path.into(),
            source,
        };
        let folder = Folder::make(path).map_err(failed)?;
        check_access(&folder)?;
        if folder.contains(DATA).map_err(failed)? {
            return Err(OpenError::Exists { path: path.into() });
        }
        make(&folder, options, write)
    }

    pub(crate) fn into_parts(self) -> (Source, Lock, Arc<Place>) {
        let place = Arc::new(Place(self.folder));
        let opened = place.clone();
        let source = Source::new(move || backend(opened.0.open_to_write(DATA)?));
        (source, self.lock, place)
    }
}

// === impl Place ===

impl Place {
    /// Creates an empty database beside the data file.
    pub(crate) fn create(&self, options: &Options) -> Result<redb::Database, OpenError> {
        create(&self.0, options)
    }

    /// Puts the database that was created, and is closed, in the place of the data file.
    pub(crate) fn replace(&self) -> Result<(), OpenError> {
        let failed = |source| OpenError::Folder {
            path: self.0.path().join(DATA),
            source,
        };
        self.0.rename(DATA_BEING_MADE, DATA).map_err(failed)?;
        self.0.sync().map_err(failed)
    }

    /// Removes the database that was created, if it is still there.
    pub(crate) fn discard(&self) {
        // The next one that is created replaces it.
        drop(self.0.remove(DATA_BEING_MADE));
    }
}

/// Refuses a folder that every user may write to, and logs other concerns as warnings.
fn check_access(folder: &Folder) -> Result<(), OpenError> {
    let failed = |source| OpenError::Folder {
        path: folder.path().into(),
        source,
    };
    for (concern, path) in folder.concerns().map_err(failed)? {
        if concern == Concern::Strangers {
            return Err(OpenError::Strangers { path });
        }
        tracing::warn!("{}", concern.about(&path));
    }
    Ok(())
}

/// Creates the database under another name and renames it: an incomplete file would be refused as
/// damaged ever after. The lock is held, so an existing file of that name is left by a process that
/// was killed.
fn make(
    folder: &Folder,
    options: &Options,
    write: impl FnOnce(&redb::Database) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    let failed = |source| OpenError::Folder {
        path: folder.path().join(DATA_BEING_MADE),
        source,
    };
    let made = create(folder, options).and_then(|database| write(&database));
    let kept = made.and_then(|()| folder.rename(DATA_BEING_MADE, DATA).map_err(failed));
    if let Err(error) = kept {
        // Frees the space of a full disk. The caller gets the first error.
        drop(folder.remove(DATA_BEING_MADE));
        return Err(error);
    }
    folder.sync().map_err(failed)
}

/// Creates an empty database under the other name.
fn create(folder: &Folder, options: &Options) -> Result<redb::Database, OpenError> {
    let failed = |source| OpenError::Folder {
        path: folder.path().join(DATA_BEING_MADE),
        source,
    };
    folder.remove(DATA_BEING_MADE).map_err(failed)?;
    let file = folder.create_new(DATA_BEING_MADE).map_err(failed)?;
    let source = Source::new(move || backend(file.try_clone()?));
    Ok(database::open(&source, options, Making::Allowed)?.database)
}

fn backend(file: File) -> io::Result<Box<dyn StorageBackend>> {
    match FileBackend::new(file) {
        Ok(backend) => Ok(Box::new(backend)),
        Err(redb::DatabaseError::Storage(redb::StorageError::Io(error))) => Err(error),
        Err(error) => Err(io::Error::other(error)),
    }
}
