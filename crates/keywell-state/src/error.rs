use std::io;
use std::path::PathBuf;

use crate::config_set::ConfigSetError;
use crate::key::KeyError;
use crate::name::Name;

/// Why the state folder cannot be used. No error has what a file holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refuses a folder or a file.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The folder or the file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system does not write a file. What it held before is still there.
    #[error("cannot write {}: {source}; nothing is changed", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may write to a folder, or read the key.
    #[error("{0}")]
    Open(String),
    /// The file of a configuration set is wrong.
    #[error("{}{source}", path.display())]
    ConfigSet {
        /// The file.
        path: PathBuf,
        /// What is wrong, behind its line.
        source: ConfigSetError,
    },
    /// The file of the key is wrong.
    #[error("{}: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: KeyError,
    },
    /// There are secrets, and the key is missing.
    #[error(
        "{} is missing, which the secrets were encrypted with; restore it, or set \
         KEYWELL_SECRETS_KEY to the key",
        path.display()
    )]
    NoKey {
        /// Where the key should be.
        path: PathBuf,
    },
    /// A secret cannot be decrypted.
    #[error(
        "the secret {name} cannot be decrypted: it was encrypted with another key than {key}, or \
         {} is damaged",
        path.display()
    )]
    Undecryptable {
        /// The secret.
        name: Name,
        /// Where the key is.
        key: String,
        /// The file of the secret.
        path: PathBuf,
    },
    /// A secret cannot be encrypted.
    #[error("the secret {0} cannot be encrypted")]
    Unencryptable(Name),
    /// A secret or a configuration set is not accepted.
    #[error("{0}")]
    Refused(String),
}

// === impl Error ===

impl Error {
    /// Whether what was to be written is wrong, rather than the folder.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}
