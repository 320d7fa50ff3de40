use std::io;
use std::path::PathBuf;

use keywell_store::{Error, Failure};
use rusqlite::ErrorCode;
use rusqlite::ffi;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no file, and [`Options::existing`](crate::Options::existing) forbids to create one.
    #[error("there is no file {}", path.display())]
    Missing {
        /// The path that was given.
        path: PathBuf,
    },

    /// The path leads to something that is not a file.
    #[error("{} is {what}; a SQLite store is a file of its own", path.display())]
    NotAFile {
        /// The path that was given.
        path: PathBuf,
        /// What it is instead.
        what: &'static str,
    },

    /// The file, or its folder, cannot be created or opened.
    #[error("{}", path.display())]
    File {
        /// The path that could not be opened.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },

    /// The file exists and is empty. Nothing was written to it.
    #[error(
        "the file is empty, so what it held is lost; restore it from a backup, or move it away to \
         begin with an empty store"
    )]
    Empty,

    /// The file is none of `SQLite`, or was made by another program.
    #[error("the file was not made by Keywell; choose another path")]
    Foreign,

    /// The tables are not those of a store.
    #[error("the tables of the file are not those that Keywell made; restore it from a backup")]
    Shape(#[source] rusqlite::Error),

    /// The tables are of a later version of Keywell.
    #[error(
        "the file has schema {found}, and this Keywell reads schemas up to {known}; update Keywell"
    )]
    Newer {
        /// The version of the schema.
        found: i64,
        /// The newest version that is known.
        known: usize,
    },

    /// The database does not support what the store needs of it.
    #[error(
        "the file cannot be shared: SQLite answers journal mode {mode} instead of wal; choose a local disk"
    )]
    Journal {
        /// The journal mode that `SQLite` chose.
        mode: String,
    },

    /// The database cannot be read or written.
    #[error("the database cannot be opened")]
    Database(#[source] rusqlite::Error),

    /// The writer thread could not be started.
    #[error("cannot start the thread that writes")]
    Thread(#[source] io::Error),
}

/// Why a read, or a step of a write, failed.
#[derive(Debug)]
pub(crate) enum Fault {
    Sqlite(rusqlite::Error),
    /// The answer to the caller.
    Answer(Error),
}

/// Whether another connection holds a lock that this one needs.
pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}

// === impl OpenError ===

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Foreign,
            _ => Self::Database(error),
        }
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        let what = "opening the SQLite file";
        match error {
            OpenError::Database(error) => Fault::Sqlite(error).into_answer(),
            OpenError::Foreign
            | OpenError::Newer { .. }
            | OpenError::Empty
            | OpenError::Shape(_) => Self::Corrupt(Failure::caused_by(what, error)),
            _ => Self::Unavailable(Failure::caused_by(what, error)),
        }
    }
}

// === impl Fault ===

impl Fault {
    pub(crate) fn corrupt(what: &'static str) -> Self {
        Self::Answer(Error::Corrupt(Failure::new(what)))
    }

    pub(crate) fn is_busy(&self) -> bool {
        matches!(self, Self::Sqlite(error) if is_busy(error))
    }

    /// Whether a commit that failed so may be found committed after a crash: its last frame was
    /// written, and may be on the disk. Otherwise the commit was never complete.
    pub(crate) fn leaves_doubt(&self) -> bool {
        let Self::Sqlite(rusqlite::Error::SqliteFailure(error, _)) = self else {
            return true;
        };
        match error.code {
            ErrorCode::DiskFull | ErrorCode::DatabaseBusy => false,
            ErrorCode::SystemIoFailure => error.extended_code != ffi::SQLITE_IOERR_WRITE,
            _ => true,
        }
    }

    /// The error for the caller, where nothing was written.
    pub(crate) fn into_answer(self) -> Error {
        let error = match self {
            Self::Sqlite(error) => error,
            Self::Answer(error) => return error,
        };
        if is_busy(&error) {
            let what = "another connection holds the lock of the SQLite file";
            return Error::Unavailable(Failure::caused_by(what, error));
        }
        let what = "the SQLite file";
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Error::Corrupt(Failure::caused_by(what, error))
            }
            Some(
                ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::OutOfMemory,
            ) => Error::Unavailable(Failure::caused_by(what, error)),
            // A column of another type, or text that is not UTF-8.
            None => Error::Corrupt(Failure::caused_by(what, error)),
            Some(_) => Error::Internal(Failure::caused_by(what, error)),
        }
    }

    /// The error for callers whose writes were in a commit that failed.
    pub(crate) fn into_doubt(self) -> Error {
        let failure = match self {
            Self::Sqlite(error) => Failure::caused_by("committing to the SQLite file", error),
            Self::Answer(error) => Failure::caused_by("committing to the SQLite file", error),
        };
        Error::Ambiguous(failure)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Answer(error)
    }
}
