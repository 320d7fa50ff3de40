//! Why a call has no response, sorted by whether it may have had an effect.

use keywell_client::grpc::lost;
use keywell_store::{Error, Failure, Invalid};
use tonic::{Code, Status};

/// Why a call has no response.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It had no effect, and another server may answer it.
    Unsent(Failure),
    /// It may have had an effect.
    Unanswered(Failure),
    /// The server does not know our login any longer. It had no effect.
    Login(Failure),
    /// The server refused it. It had no effect.
    Refused(Error),
}

// === impl Fault ===

impl Fault {
    /// The error of a read, or of another request that can be repeated.
    pub(crate) fn of_reading(self) -> Error {
        match self {
            Self::Unsent(failure) | Self::Unanswered(failure) => Error::Unavailable(failure),
            Self::Login(failure) => Error::AccessDenied(failure.to_string().into()),
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
        Self::Unsent(Failure::caused_by("the connection to etcd is lost", error))
    }
}

impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        let message = status.message();
        let says = |text: &str| message.contains(text);
        let failure = || Failure::new(format!("etcd answers: {message}"));
        if let Some(error) = lost(&status) {
            let what = "the connection to etcd is lost";
            // It was still waiting to be sent.
            return if error.is_canceled() {
                Self::Unsent(what.into())
            } else {
                Self::Unanswered(Failure::caused_by(what, status))
            };
        }
        match status.code() {
            Code::Unauthenticated => Self::Login(failure()),
            Code::InvalidArgument if says("revision of auth store is old") => {
                Self::Login(failure())
            }
            Code::InvalidArgument if says("invalid user ID or password") => {
                let what = "etcd refuses the user or the password";
                Self::Refused(Error::AccessDenied(what.into()))
            }
            Code::InvalidArgument if says("user name is empty") => {
                let what = "etcd asks for a user; give the settings user and password";
                Self::Refused(Error::AccessDenied(what.into()))
            }
            Code::InvalidArgument if says("request is too large") => Self::Refused(
                Error::Unsupported("a request past the size that its server is set to"),
            ),
            Code::FailedPrecondition if says("authentication is not enabled") => {
                let what = "etcd has no users; leave out the settings user and password";
                Self::Refused(Error::AccessDenied(what.into()))
            }
            Code::PermissionDenied => {
                let what = "etcd does not let the user reach these keys";
                Self::Refused(Error::AccessDenied(what.into()))
            }
            // Compacted, or not there yet, as etcd was restored from an older copy.
            Code::OutOfRange if says("mvcc: ") => Self::Refused(Error::Invalid(Invalid::Compacted)),
            // A member that is past its space answers so also where it has applied the request.
            Code::ResourceExhausted if says("database space exceeded") => {
                Self::Unanswered(failure())
            }
            // Too many requests, a lease that has ended by now.
            Code::ResourceExhausted | Code::NotFound => {
                Self::Refused(Error::Unavailable(failure()))
            }
            Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented => Self::Refused(Error::Internal(failure())),
            Code::Unavailable if says("no leader") || says("not capable") => {
                Self::Unsent(failure())
            }
            _ => Self::Unanswered(failure()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_server_certainly_did_not_do_is_not_in_doubt() {
        for (code, message, is_ambiguous) in [
            (Code::Unavailable, "etcdserver: no leader", false),
            (Code::Unavailable, "etcdserver: request timed out", true),
            (Code::Unavailable, "etcdserver: leader changed", true),
            (Code::Unavailable, "etcdserver: server stopped", true),
            (Code::Unknown, "raft proposal dropped", true),
            (Code::Internal, "", true),
            (
                Code::ResourceExhausted,
                "etcdserver: too many requests",
                false,
            ),
            (
                Code::ResourceExhausted,
                "etcdserver: mvcc: database space exceeded",
                true,
            ),
            (
                Code::NotFound,
                "etcdserver: requested lease not found",
                false,
            ),
            (
                Code::PermissionDenied,
                "etcdserver: permission denied",
                false,
            ),
            (
                Code::Unauthenticated,
                "etcdserver: invalid auth token",
                false,
            ),
        ] {
            let error = Fault::from(Status::new(code, message)).of_writing();
            let is = matches!(error, Error::Ambiguous(_));
            assert_eq!(is, is_ambiguous, "{message}: {error}");
        }
    }
}
