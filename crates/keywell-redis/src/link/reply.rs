use std::sync::Arc;

use keywell_store::{Error, Failure, Invalid};
use redis::{ServerError, Value};

use crate::wire::Lost;

/// Whether something is changed by what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Read,
    Write,
}

/// What a reply means for whoever sent the command.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It was executed, or refused for good.
    Done(Result<Value, Error>),
    /// Not executed: another server has the slot from now on.
    Moved(String),
    /// Not executed: another server has this key, as the slot is being moved.
    Ask(String),
    /// Not executed: the server may take it a little later.
    Later(Failure),
    /// Not executed: the server is a replica.
    ReadOnly(Failure),
    /// Not executed: the server does not know the script.
    UnknownScript,
}

// === impl Effect ===

impl Effect {
    /// What a missing answer means.
    pub(super) fn error(self, lost: Lost) -> Error {
        let failure = |reason: Arc<str>| Failure::new(reason.to_string());
        match (self, lost) {
            (Self::Write, Lost::MaybeSent(reason)) => Error::Ambiguous(failure(reason)),
            (_, Lost::NotSent(reason) | Lost::MaybeSent(reason)) => {
                Error::Unavailable(failure(reason))
            }
        }
    }
}

// === impl Verdict ===

impl Verdict {
    pub(super) fn of(reply: Value) -> Self {
        let Value::ServerError(error) = reply else {
            return Self::Done(Ok(reply));
        };
        let target = || {
            let details = error.details().unwrap_or_default();
            details.rsplit(' ').next().unwrap_or_default().to_owned()
        };
        match error.code() {
            "MOVED" => Self::Moved(target()),
            "ASK" => Self::Ask(target()),
            "NOSCRIPT" => Self::UnknownScript,
            "READONLY" => Self::ReadOnly(failure(&error)),
            "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" | "LOADING" => Self::Later(failure(&error)),
            _ => Self::Done(Err(refusal(&error))),
        }
    }
}

/// What a refusal of the server is to a caller. Nothing was changed.
pub(crate) fn refusal(error: &ServerError) -> Error {
    let details = error.details().unwrap_or_default();
    match error.code() {
        "WRONGTYPE" => {
            Error::Corrupt("another program keeps something else than a string there".into())
        }
        "NOAUTH" | "WRONGPASS" | "NOPERM" => {
            Error::AccessDenied("the server does not let this account do it".into())
        }
        "OOM" | "MISCONF" | "NOREPLICAS" | "BUSY" | "READONLY" | "TRYAGAIN" | "CLUSTERDOWN"
        | "MASTERDOWN" | "LOADING" => Error::Unavailable(failure(error)),
        _ if details.contains("not an integer") => Error::Invalid(Invalid::NotANumber),
        _ if details.contains("would overflow") => Error::Invalid(Invalid::Overflow),
        _ if details.contains("invalid expire") => Error::Invalid(Invalid::Ttl),
        _ => Error::Internal(failure(error)),
    }
}

/// A reply of another kind than the command has.
pub(crate) fn unexpected(command: &'static str, reply: &Value) -> Error {
    if let Value::ServerError(error) = reply {
        return refusal(error);
    }
    Error::Internal(Failure::new(format!(
        "{command} was answered by something that it never is"
    )))
}

fn failure(error: &ServerError) -> Failure {
    let details = error.details().unwrap_or_default();
    Failure::new(format!("the server says {} {details}", error.code()))
}
