use std::path::{Path, PathBuf};

use crate::{Problem, Report};

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
    /// Something in it is wrong, at one place or at several.
    #[error("{0}")]
    Invalid(Box<Report>),
}

// === impl ConfigError ===

impl ConfigError {
    /// Everything that is wrong, and the warnings, as a report to show.
    pub fn report(&self) -> Report {
        match self {
            Self::Read { file, problem } => {
                let message = format!("cannot read {}: {problem}", file.display());
                Problem::error(message).into()
            }
            Self::Invalid(report) => (**report).clone(),
        }
    }

    pub(crate) fn read(file: &Path, problem: impl Into<String>) -> Self {
        Self::Read {
            file: file.to_owned(),
            problem: problem.into(),
        }
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self::Invalid(Box::new(problem.into()))
    }
}

impl From<Report> for ConfigError {
    fn from(report: Report) -> Self {
        Self::Invalid(Box::new(report))
    }
}
