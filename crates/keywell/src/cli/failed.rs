use std::fmt;
use std::process::ExitCode;

/// How a subcommand ends when it does not fail.
pub(super) type Ended = Result<ExitCode, Failed>;

/// Why a subcommand fails, as a sentence for the person who ran it.
#[derive(Debug)]
pub(super) enum Failed {
    /// Exit code 1.
    Failure(String),
    /// Exit code 2: what was asked for makes no sense.
    Usage(String),
}

// === impl Failed ===

impl Failed {
    pub(super) fn because(what: &str, error: impl std::fmt::Display) -> Self {
        Self::Failure(format!("{what}: {error}"))
    }

    /// Why an application of one component fails: without names, which its user did not give.
    pub(super) fn of_one(error: keywell_app::Error) -> Self {
        use keywell_app::Error;

        let is_usage = error.is_in_plan();
        let text = match error {
            Error::Component { source, .. } => source.to_string(),
            Error::Store { source, .. } => source.to_string(),
            Error::Start { source, .. } => source.to_string(),
            Error::Close { source, .. } => source.to_string(),
            other => other.to_string(),
        };
        if is_usage {
            Self::Usage(text)
        } else {
            Self::Failure(text)
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failure(text) | Self::Usage(text) => f.write_str(text),
        }
    }
}

impl From<keywell_app::Error> for Failed {
    fn from(error: keywell_app::Error) -> Self {
        if error.is_in_plan() {
            Self::Usage(error.to_string())
        } else {
            Self::Failure(error.to_string())
        }
    }
}

impl From<keywell_store::Error> for Failed {
    fn from(error: keywell_store::Error) -> Self {
        Self::Failure(error.to_string())
    }
}

impl From<keywell_runtime::Error> for Failed {
    fn from(error: keywell_runtime::Error) -> Self {
        Self::Failure(error.to_string())
    }
}
