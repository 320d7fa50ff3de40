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
