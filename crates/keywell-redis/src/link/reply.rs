use std::sync::Arc;

use keywell_store::{Error, Failure, Invalid};
use redis::{ServerError, Value};

use crate::wire::Lost;

/// Whether something is changed by what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Read,
    /// Reads, and the caller can hold at most so many bytes of the reply's strings.
    ReadWithin(usize),
    Write,
}

/// What a reply means for the sender of the command.
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
    /// How many bytes the strings of a reply may have together.
    pub(super) fn max_reply(self) -> usize {
        match self {
            Self::ReadWithin(max) => max,
            Self::Read | Self::Write => usize::MAX,
        }
    }

    /// What a missing answer means.
    pub(super) fn error(self, lost: Lost) -> Error {
        let failure = |reason: Arc<str>| Failure::new(reason.to_string());
        match (self, lost) {
            (_, Lost::TooLarge { bytes, max }) => {
                Error::Invalid(Invalid::ValueTooLarge { bytes, max })
            }
            (Self::Write, Lost::MaybeSent(reason)) => Error::Ambiguous(failure(reason)),
            (_, Lost::NotSent(reason) | Lost::MaybeSent(reason)) => {
                Error::Unavailable(failure(reason))
            }
        }
    }
}

// === impl Verdict ===

impl Verdict {
    /// The reply to a command that is not followed up any more.
    pub(super) fn settle(self) -> Result<Value, Error> {
        match self {
            Self::Done(outcome) => outcome,
            Self::Later(failure) | Self::ReadOnly(failure) => Err(Error::Unavailable(failure)),
            Self::Moved(_) | Self::Ask(_) => Err(Error::Unavailable(
                "the server is part of a cluster, and another one has this key".into(),
            )),
            Self::UnknownScript => Err(Error::Unavailable(
                "the server forgot the script at once".into(),
            )),
        }
    }

    pub(super) fn of(reply: Value) -> Self {
        let Value::ServerError(error) = reply else {
            return Self::Done(Ok(reply));
        };
        let target = || {
            let details = error.details().unwrap_or_default();
            details.rsplit(' ').next().unwrap_or_default().to_owned()
        };
        match code(&error) {
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
    match code(error) {
        "WRONGTYPE" => {
            Error::Corrupt("another program keeps something else than a string there".into())
        }
        "NOAUTH" | "WRONGPASS" | "NOPERM" => denied(),
        "OOM" | "MISCONF" | "NOREPLICAS" | "BUSY" | "READONLY" | "TRYAGAIN" | "CLUSTERDOWN"
        | "MASTERDOWN" | "LOADING" => Error::Unavailable(failure(error)),
        _ if details.contains("not an integer") => Error::Invalid(Invalid::NotANumber),
        _ if details.contains("would overflow") => Error::Invalid(Invalid::Overflow),
        _ if details.contains("invalid expire") => Error::Invalid(Invalid::Ttl),
        // What a script may not do has no code, and before Redis 7 other words.
        _ if details.contains("ACL failure in script")
            || details.contains("The user executing the script can't") =>
        {
            denied()
        }
        _ => Error::Internal(failure(error)),
    }
}

fn denied() -> Error {
    Error::AccessDenied("the server does not let this account do it".into())
}

/// The code of an error. One within a script is, before Redis 7, reported behind another,
/// `ERR Error running script (call to f_…): @user_script:9: -OOM command not allowed …`, or, where the
/// script caught it, behind none: `@user_script: 9: -OOM command not allowed …`.
fn code(error: &ServerError) -> &str {
    const WITHIN: [&str; 6] = [
        "OOM",
        "READONLY",
        "MISCONF",
        "NOREPLICAS",
        "NOPERM",
        "WRONGTYPE",
    ];
    let details = error.details().unwrap_or_default();
    let is_behind = match error.code() {
        "ERR" => details.starts_with("Error running script"),
        code => code == "@user_script:",
    };
    let mut known = WITHIN.into_iter().filter(|_| is_behind);
    known
        .find(|code| details.contains(code))
        .unwrap_or(error.code())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(reply: &str) -> Verdict {
        Verdict::of(redis::parse_redis_value(reply.as_bytes()).unwrap())
    }

    #[test]
    fn an_error_within_a_script_is_what_it_is_on_older_servers_too() {
        let within = |what: &str| {
            let reply =
                format!("-ERR Error running script (call to f_0): @user_script:9: {what}\r\n");
            verdict(&reply)
        };
        let full = within("-OOM command not allowed when used memory > 'maxmemory'.");
        assert!(matches!(full, Verdict::Done(Err(Error::Unavailable(_)))));
        let replica = within("-READONLY You can't write against a read only replica.");
        assert!(matches!(replica, Verdict::ReadOnly(_)));
        let foreign = within("WRONGTYPE Operation against a key holding the wrong kind of value");
        assert!(matches!(foreign, Verdict::Done(Err(Error::Corrupt(_)))));
        let defect = within("user_script:9: attempt to index a nil value");
        assert!(matches!(defect, Verdict::Done(Err(Error::Internal(_)))));
        // What a script catches and answers itself.
        for caught in [
            "-@user_script: 166: -OOM command not allowed when used memory > 'maxmemory'.\r\n",
            "-@user_script: 166: -NOREPLICAS Not enough good replicas to write.\r\n",
        ] {
            let caught = verdict(caught);
            assert!(matches!(caught, Verdict::Done(Err(Error::Unavailable(_)))));
        }
    }

    #[test]
    fn what_an_account_may_not_do_in_a_script_it_may_not_do() {
        for reply in [
            "-ERR Error running script (call to f_0): @user_script:1: @user_script: 1: The user \
             executing the script can't run this command or subcommand\r\n",
            "-ERR Error running script (call to f_0): @user_script:1: @user_script: 1: The user \
             executing the script can't access at least one of the keys mentioned in the command \
             arguments\r\n",
            "-@user_script: 1: The user executing the script can't run this command or \
             subcommand\r\n",
            "-ERR The user executing the script can't run this command or subcommand script: 0, on \
             @user_script:1.\r\n",
            "-ERR ACL failure in script: User u has no permissions to run the 'set' command \
             script: 0, on @user_script:1.\r\n",
        ] {
            let denied = verdict(reply);
            assert!(
                matches!(denied, Verdict::Done(Err(Error::AccessDenied(_)))),
                "{reply}: {denied:?}"
            );
        }
    }
}
