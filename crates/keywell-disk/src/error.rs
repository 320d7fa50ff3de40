use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use keywell_store::{Error, Failure};

use crate::lock::Holder;
use crate::tables::FORMAT;

/// Why a store did not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Somebody else has it open; a store belongs to one process at a time.
    #[error("the store {} is in use by {holder}; stop that first", path.display())]
    Locked {
        /// The store's folder.
        path: PathBuf,
        /// Who holds it.
        holder: Holder,
    },

    /// The path is a file, or something else that is no folder.
    #[error("{} is not a folder; a disk store is a folder of its own", path.display())]
    NotAFolder {
        /// The path that was given.
        path: PathBuf,
    },

    /// There is no store, and [`Options::existing`](crate::Options::existing) forbids to make one.
    #[error("there is no store in {}", path.display())]
    Missing {
        /// The path that was given.
        path: PathBuf,
    },

    /// The folder, or a file in it, cannot be made or opened.
    #[error("{}", path.display())]
    Folder {
        /// What could not be opened.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },

    /// Every user of this machine may write to the folder.
    #[error("every user of this machine may write to the store {}; run `chmod o-w {}`", path.display(), path.display())]
    Strangers {
        /// The store's folder.
        path: PathBuf,
    },

    /// The data file is there and has no bytes. Nothing was written to it.
    #[error(
        "the data file is empty, so what it held is lost; restore it from a backup, or move it \
         away to begin with an empty store"
    )]
    Empty,

    /// The end of the data file is missing. Nothing was written to it.
    #[error(
        "the data file is truncated: after {bytes} bytes its end is missing; restore it from a \
         backup, or move it away to begin with an empty store"
    )]
    Truncated {
        /// How long the file is.
        bytes: u64,
    },

    /// There is a database, but Keywell did not make it.
    #[error("the database file was not made by Keywell; choose another folder")]
    Foreign,

    /// Another version of Keywell made it.
    #[error("the store has format {found}, and this Keywell reads format {FORMAT} only")]
    Format {
        /// The format of the store.
        found: u64,
    },

    /// The database cannot be read or written.
    #[error("the database cannot be opened")]
    Database(#[source] Box<redb::Error>),

    /// The thread that writes could not be started.
    #[error("cannot start the thread that writes")]
    Thread(#[source] io::Error),
}

/// Why a read, or a step of a write, did not succeed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The database stopped working after an I/O error; opening it again may help.
    Broken(Failure),
    /// The answer, which opening again does not change.
    Answer(Error),
}

/// Runs what touches the database, and takes a panic in it for damage of the file.
///
/// redb trusts a page that a completed commit names, and panics where its bytes make no sense: a
/// disk that lost what it said it had synced must cost its callers an error, not the process. What
/// redb leaves locked in a panic it finds poisoned later, and is then opened anew.
pub(crate) fn undamaged<T, E: From<redb::StorageError>>(
    run: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let what = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        let what = what.unwrap_or("a page makes no sense").to_owned();
        Err(redb::StorageError::Corrupted(what).into())
    })
}

// === impl OpenError ===

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        let what = "opening the store on disk";
        match error {
            OpenError::Database(source) => match *source {
                redb::Error::Corrupted(_) => Self::Corrupt(Failure::caused_by(what, *source)),
                _ => Self::Unavailable(Failure::caused_by(what, *source)),
            },
            OpenError::Foreign
            | OpenError::Format { .. }
            | OpenError::Empty
            | OpenError::Truncated { .. } => Self::Corrupt(Failure::caused_by(what, error)),
            _ => Self::Unavailable(Failure::caused_by(what, error)),
        }
    }
}

macro_rules! open_error_from {
    ($($error:ty),+) => {$(
        impl From<$error> for OpenError {
            fn from(error: $error) -> Self {
                Self::Database(Box::new(error.into()))
            }
        }
    )+};
}

open_error_from!(
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError
);

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        redb::StorageError::Io(error).into()
    }
}

impl From<redb::DatabaseError> for OpenError {
    fn from(error: redb::DatabaseError) -> Self {
        match error {
            // What redb answers to a file without its magic number.
            redb::DatabaseError::Storage(redb::StorageError::Io(error))
                if error.kind() == io::ErrorKind::InvalidData =>
            {
                Self::Foreign
            }
            error => Self::Database(Box::new(error.into())),
        }
    }
}

// === impl Fault ===

impl Fault {
    pub(crate) fn corrupt(what: &'static str) -> Self {
        Self::Answer(Error::Corrupt(Failure::new(what)))
    }

    /// The answer to a caller, where opening again did not help or is not tried.
    pub(crate) fn into_answer(self) -> Error {
        match self {
            Self::Broken(failure) => Error::Unavailable(failure),
            Self::Answer(error) => error,
        }
    }

    fn from_redb(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(_)
            | redb::Error::PreviousIo
            | redb::Error::DatabaseClosed
            | redb::Error::TransactionPoisoned
            | redb::Error::LockPoisoned(_) => {
                Self::Broken(Failure::caused_by("the database", error))
            }
            redb::Error::Corrupted(_) => {
                Self::Answer(Error::Corrupt(Failure::caused_by("the database", error)))
            }
            error => Self::Answer(Error::Internal(Failure::caused_by("the database", error))),
        }
    }
}

macro_rules! fault_from {
    ($($error:ty),+) => {$(
        impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::from_redb(error.into())
            }
        }
    )+};
}

fault_from!(
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError
);

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Answer(error)
    }
}
