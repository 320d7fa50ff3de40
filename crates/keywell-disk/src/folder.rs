use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use redb::StorageBackend;
use redb::backends::FileBackend;

use crate::database;
use crate::lock::{Lock, LockError};
use crate::source::Source;
use crate::{OpenError, Options};

const DATA: &str = "data.redb";
const DATA_BEING_MADE: &str = "data.redb.new";
const LOCK: &str = "lock";

/// A store's folder, claimed for this process, with a database in it.
#[derive(Debug)]
pub(crate) struct Folder {
    data: PathBuf,
    lock: Lock,
}

// === impl Folder ===

impl Folder {
    /// Makes the folder and the database where they are missing.
    pub(crate) fn claim(path: &Path, options: &Options) -> Result<Self, OpenError> {
        // The file is opened again after an I/O error, wherever the process has gone by then.
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
        // What cannot be looked at may be there.
        if options.existing && !path.join(DATA).try_exists().map_err(failed)? {
            return Err(OpenError::Missing { path: path.into() });
        }
        let is_new = !path.exists();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed)?;
        let lock = Lock::take(&path.join(LOCK)).map_err(|error| match error {
            LockError::Held(holder) => OpenError::Locked {
                path: path.into(),
                holder,
            },
            LockError::Io(source) => failed(source),
        })?;
        let data = path.join(DATA);
        if !data.exists() {
            Self::make(path, options)?;
        }
        if is_new {
            sync_folder(path.parent().unwrap_or(Path::new(""))).map_err(failed)?;
        }
        Ok(Self { data, lock })
    }

    /// Makes the database under another name and moves it into place whole: a file whose making
    /// was cut short would be taken for somebody else's ever after.
    fn make(path: &Path, options: &Options) -> Result<(), OpenError> {
        let being_made = path.join(DATA_BEING_MADE);
        let failed = |source| OpenError::Folder {
            path: being_made.clone(),
            source,
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&being_made)
            .map_err(failed)?;
        let source = Source::new(move || backend(file.try_clone()?));
        drop(database::open(&source, options)?);
        std::fs::rename(&being_made, path.join(DATA)).map_err(failed)?;
        sync_folder(path).map_err(failed)
    }

    pub(crate) fn into_parts(self) -> (Source, Lock) {
        let data = self.data;
        let source =
            Source::new(move || backend(OpenOptions::new().read(true).write(true).open(&data)?));
        (source, self.lock)
    }
}

fn backend(file: File) -> io::Result<Box<dyn StorageBackend>> {
    match FileBackend::new(file) {
        Ok(backend) => Ok(Box::new(backend)),
        Err(redb::DatabaseError::Storage(redb::StorageError::Io(error))) => Err(error),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// Makes sure that a file's name outlives a loss of power, not only its bytes.
fn sync_folder(path: &Path) -> io::Result<()> {
    let here = Path::new(".");
    File::open(if path == Path::new("") { here } else { path })?.sync_all()
}
