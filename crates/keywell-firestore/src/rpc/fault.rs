//! Why a call has no response, sorted by whether it may have had an effect.

use keywell_client::grpc::lost;
use keywell_store::{Error, Failure};
use tonic::{Code, Status};

/// Why a call has no response.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It had no effect, and may be sent again.
    Unsent(Failure),
    /// It may have had an effect.
    Unanswered(Failure),
    /// It had no effect: a precondition does not hold, or what it names is not there.
    Stale(Failure),
    /// It had no effect: others write the same documents.
    Contended(Failure),
    /// The service refused it. It had no effect.
    Refused(Error),
}

// === impl Fault ===

impl Fault {
    /// The error of a read, or of another request that can be repeated.
    pub(crate) fn of_reading(self) -> Error {
        match self {
            Self::Unsent(failure)
            | Self::Unanswered(failure)
            | Self::Stale(failure)
            | Self::Contended(failure) => Error::Unavailable(failure),
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

impl From<hyper::Error> for Fault {
    /// The error of a connection that is not ready to send.
    fn from(error: hyper::Error) -> Self {
        let what = "the connection to Firestore is lost";
        Self::Unsent(Failure::caused_by(what, error))
    }
}

impl From<Status> for Fault {
    /// By the codes of docs/understand-error-codes.
    fn from(status: Status) -> Self {
        let message = status.message();
        let failure = || Failure::new(format!("Firestore answers: {message}"));
        if let Some(error) = lost(&status) {
            let what = "the connection to Firestore is lost";
            // It was still waiting to be sent.
            return if error.is_canceled() {
                Self::Unsent(what.into())
            } else {
                Self::Unanswered(Failure::caused_by(what, status))
            };
        }
        match status.code() {
            Code::Unauthenticated => {
                let what = format!(
                    "Firestore refuses the login: {message}; check the credentials, and that the \
                     clock of this machine is right"
                );
                Self::Refused(Error::AccessDenied(what.into()))
            }
            Code::PermissionDenied => {
                let what = format!(
                    "Firestore does not let the login reach the project: {message}; check the \
                     project and the roles of the account"
                );
                Self::Refused(Error::AccessDenied(what.into()))
            }
            // A document to update; or the database, which the read that follows finds out.
            Code::FailedPrecondition | Code::AlreadyExists | Code::NotFound => {
                Self::Stale(failure())
            }
            Code::Aborted => Self::Contended(failure()),
            Code::ResourceExhausted => Self::Refused(Error::Unavailable(failure())),
            Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented => {
                Self::Refused(Error::Internal(failure()))
            }
            _ => Self::Unanswered(failure()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_service_certainly_did_not_do_is_not_in_doubt() {
        for (code, is_ambiguous) in [
            (Code::Unavailable, true),
            (Code::DeadlineExceeded, true),
            (Code::Internal, true),
            (Code::Unknown, true),
            (Code::Cancelled, true),
            (Code::DataLoss, true),
            (Code::Aborted, false),
            (Code::AlreadyExists, false),
            (Code::FailedPrecondition, false),
            (Code::InvalidArgument, false),
            (Code::NotFound, false),
            (Code::PermissionDenied, false),
            (Code::ResourceExhausted, false),
            (Code::Unauthenticated, false),
        ] {
            let error = Fault::from(Status::new(code, "why")).of_writing();
            let is = matches!(error, Error::Ambiguous(_));
            assert_eq!(is, is_ambiguous, "{code:?}: {error}");
        }
    }
}
