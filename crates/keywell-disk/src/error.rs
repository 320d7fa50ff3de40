use std::borrow::Cow;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use keywell_store::{Error, Failure};

use crate::damaged::Damaged;
use crate::lock::Holder;
use crate::tables::FORMAT;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or this one, has the store open. Only one can at a time.
    #[error("the store {} is in use by {holder}; stop that first", path.display())]
    Locked {
        /// The store's folder.
        path: PathBuf,
        /// The process that has it open.
        holder: Holder,
    },

    /// The path is not a folder.
    #[error("{} is not a folder; a disk store is a folder of its own", path.display())]
    NotAFolder {
        /// The path that was given.
        path: PathBuf,
    },

    /// There is a store already where a backup should be made.
    #[error("there is a store in {} already; name a new folder", path.display())]
    Exists {
        /// The path that was given.
        path: PathBuf,
    },

    /// There is no store, and [`Options::existing`](crate::Options::existing) forbids to create one.
    #[error("there is no store in {}", path.display())]
    Missing {
        /// The path that was given.
        path: PathBuf,
    },

    /// The folder, or a file in it, cannot be created or opened.
    #[error("{}", path.display())]
    Folder {
        /// The path that could not be opened.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },

    /// Every user of this machine may write to the folder.
    #[error("every user of this machine may write to the store {}; run `chmod o-w {}`", path.display(), path.display())]
    Strangers {
        /// The store's folder.
        path: PathBuf,
    },

    /// The data file exists and is empty. Nothing was written to it.
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
        /// The length of the file.
        bytes: u64,
    },

    /// A part of the data file differs from its checksum. Nothing was written to the file.
    #[error("the data file is damaged in {what}; restore it from a backup")]
    Damaged {
        /// The damaged part.
        what: Cow<'static, str>,
    },

    /// The database was not created by Keywell.
    #[error("the database file was not made by Keywell; choose another folder")]
    Foreign,

    /// The store has the format of another version of Keywell.
    #[error(
        "the store has format {found}, and this Keywell reads format {FORMAT} only; export it with the version that wrote it"
    )]
    Format {
        /// The format of the store.
        found: u64,
    },

    /// What was logged before a crash could not be applied to the database.
    #[error("the log cannot be replayed")]
    Replay(#[source] Error),

    /// The database cannot be read or written.
    #[error("the database cannot be opened")]
    Database(#[source] Box<redb::Error>),

    /// The writer thread could not be started.
    #[error("cannot start the thread that writes")]
    Thread(#[source] io::Error),
}

/// Why a read, or a step of a write, failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The database stopped working after an I/O error; opening it again may help.
    Broken(Failure),
    /// A page differs from its checksum. The database has to be opened again before it works, and
    /// still has that page then.
    Damaged(Failure),
    /// The answer to the caller. Opening the database again would not change it.
    Answer(Error),
}

/// Runs code that uses the database, and treats a panic as a damaged file.
///
/// redb trusts the pages of a completed commit, and panics if one is malformed. A disk that lost synced
/// data must fail its callers, not the process. Locks that redb held in the panic are poisoned, and
/// the database is then opened again.
pub(crate) fn undamaged<T, E: From<redb::StorageError>>(
    run: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let what = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        let what = what.unwrap_or("a page is malformed").to_owned();
        Err(redb::StorageError::Corrupted(what).into())
    })
}

// === impl OpenError ===

impl OpenError {
    pub(crate) fn damaged(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Damaged { what: what.into() }
    }

    /// Whether a part of the file is damaged or missing.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::Truncated { .. } | Self::Replay(Error::Corrupt(_)) => true,
            Self::Database(source) => match &**source {
                redb::Error::Corrupted(_) => true,
                redb::Error::Io(error) => Damaged::of(error).is_some(),
                _ => false,
            },
            _ => false,
        }
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        let what = "opening the store on disk";
        let is_corrupt = error.is_damage()
            || matches!(
                error,
                OpenError::Foreign | OpenError::Format { .. } | OpenError::Empty
            );
        let failure = match error {
            OpenError::Replay(error) => return error,
            OpenError::Database(source) => Failure::caused_by(what, *source),
            error => Failure::caused_by(what, error),
        };
        if is_corrupt {
            Self::Corrupt(failure)
        } else {
            Self::Unavailable(failure)
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
    redb::DatabaseError,
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError
);

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        Self::Replay(fault.into_answer())
    }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        redb::StorageError::Io(error).into()
    }
}

// === impl Fault ===

impl Fault {
    pub(crate) fn corrupt(what: &'static str) -> Self {
        Self::Answer(Error::Corrupt(Failure::new(what)))
    }

    /// Says what cannot be read, if data is damaged.
    pub(crate) fn at(self, place: impl FnOnce() -> String) -> Self {
        match self {
            Self::Damaged(failure) => {
                Self::Damaged(Failure::new(format!("{}: {failure}", place())))
            }
            Self::Answer(Error::Corrupt(failure)) => {
                let failure = Failure::new(format!("{}: {failure}", place()));
                Self::Answer(Error::Corrupt(failure))
            }
            other => other,
        }
    }

    pub(crate) fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Answer(Error::Internal(Failure::caused_by("the database", error)))
    }

    /// The error for the caller, if opening again did not help or is not tried.
    pub(crate) fn into_answer(self) -> Error {
        match self {
            Self::Broken(failure) => Error::Unavailable(failure),
            Self::Damaged(failure) => Error::Corrupt(failure),
            Self::Answer(error) => error,
        }
    }

    fn from_redb(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(ref io) if Damaged::of(io).is_some() => {
                Self::Damaged(Failure::caused_by("the database", error))
            }
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
            error => Self::internal(error),
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
