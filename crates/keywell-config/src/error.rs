use std::path::{Path, PathBuf};

use crate::Place;

pub(crate) type Result<T, E = ConfigError> = std::result::Result<T, E>;

/// What is wrong with a configuration, and where. It never has a value that may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {problem}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's reason, or what to do about it.
        problem: String,
    },
    /// Something at this place is wrong.
    #[error("{}:{place}: {problem}", file.display())]
    At {
        /// The file.
        file: PathBuf,
        /// Where in it.
        place: Place,
        /// What is wrong, what was expected, and the nearest of what is known.
        problem: String,
    },
    /// Something is missing from the whole of it.
    #[error("{}: {problem}", file.display())]
    Whole {
        /// The file.
        file: PathBuf,
        /// What is missing.
        problem: String,
    },
    /// Something in a plan that was not read from a file is wrong.
    #[error("{problem}")]
    Given {
        /// What is wrong, and what was expected.
        problem: String,
    },
}

// === impl ConfigError ===

impl ConfigError {
    pub(crate) fn at(file: &Path, place: Place, problem: impl Into<String>) -> Self {
        Self::At {
            file: file.to_owned(),
            place,
            problem: problem.into(),
        }
    }
}
