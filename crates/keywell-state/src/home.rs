use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use keywell_folder::{Access, Folder};

use crate::error::Error;

/// The state folder on the disk. It and the folders in it are refused where others may write to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Home(PathBuf);

const ROOT: u32 = 0;

// === impl Home ===

impl Home {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Opens it; none where it is missing.
    pub(crate) fn open(&self) -> Result<Option<Folder>, Error> {
        open(&self.0)
    }

    /// Opens it, and makes it where it is missing.
    pub(crate) fn make(&self) -> Result<Folder, Error> {
        make(&self.0)
    }

    /// Opens a folder in it; none where it is missing.
    pub(crate) fn open_part(&self, name: &str) -> Result<Option<Folder>, Error> {
        match self.open()? {
            Some(_) => open(&self.0.join(name)),
            None => Ok(None),
        }
    }

    /// Opens a folder in it, and makes it where it is missing.
    pub(crate) fn make_part(&self, name: &str) -> Result<Folder, Error> {
        self.make()?;
        make(&self.0.join(name))
    }
}

/// The error of the system about a file or a folder.
pub(crate) fn failed(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| match source.kind() {
        // Those of the folder itself name the file.
        io::ErrorKind::InvalidInput | io::ErrorKind::PermissionDenied
            if source.raw_os_error().is_none() =>
        {
            Error::Open(source.to_string())
        }
        _ => Error::Io { path, source },
    }
}

/// The same of a file that was to be written.
pub(crate) fn unwritten(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let failed = failed(path);
    move |source| match failed(source) {
        Error::Io { path, source } => Error::Write { path, source },
        error => error,
    }
}

/// Opens a file in a folder to read it; none where it is missing.
pub(crate) fn open_file(folder: &Folder, name: &str) -> Result<Option<File>, Error> {
    match folder.open_to_read(name) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(folder.path().join(name))(error)),
    }
}

/// Refuses what belongs to another user, who may put anything into it; root may anyway.
pub(crate) fn check_owner(access: Access, path: &Path) -> Result<(), Error> {
    let Access { owner, user, .. } = access;
    if owner == user || owner == ROOT || user == ROOT {
        return Ok(());
    }
    Err(Error::Open(format!(
        "{} belongs to user {owner}, and this process runs as user {user}",
        path.display()
    )))
}

fn open(path: &Path) -> Result<Option<Folder>, Error> {
    match Folder::open(path) {
        Ok(folder) => checked(folder).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path)(error)),
    }
}

fn make(path: &Path) -> Result<Folder, Error> {
    checked(Folder::make(path).map_err(failed(path))?)
}

fn checked(folder: Folder) -> Result<Folder, Error> {
    const OTHERS_WRITE: u32 = 0o022;

    let path = folder.path();
    let access = folder.access().map_err(failed(path))?;
    check_owner(access, path)?;
    if access.mode & OTHERS_WRITE != 0 {
        let path = path.display();
        return Err(Error::Open(format!(
            "others may write to {path}; run `chmod go-w {path}`"
        )));
    }
    Ok(folder)
}
