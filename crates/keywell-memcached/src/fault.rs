use keywell_store::{Error, Failure};

/// Why a command has no answer, or not the one it should have.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It was not sent.
    Unsent(Failure),
    /// It was sent, and may have had an effect.
    Unanswered(Failure),
    /// The server refused it. It had no effect.
    Refused(Error),
}

// === impl Fault ===

impl Fault {
    /// The error of a read.
    pub(crate) fn of_reading(self) -> Error {
        match self {
            Self::Unsent(failure) | Self::Unanswered(failure) => Error::Unavailable(failure),
            Self::Refused(error) => error,
        }
    }

    /// The error of a write.
    pub(crate) fn of_writing(self) -> Error {
        match self {
            Self::Unanswered(failure) => Error::Ambiguous(failure),
            other => other.of_reading(),
        }
    }
}
