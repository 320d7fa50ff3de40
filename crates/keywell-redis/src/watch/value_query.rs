//! The commands that read a watched value, sized to what a server buffers for a subscriber.
//!
//! A server cuts off a subscriber for which it buffers 32 MiB, or 8 MiB for a minute, unless
//! configured otherwise. Common values take one query; empty and absent ones take two, as a range of
//! either is empty; values of 64 KiB and more take two, and the whole of them is read one by one.

use bytes::Bytes;
use keywell_store::{Error, Result};
use redis::{Cmd, Value};

use crate::wire::command;

/// A query for the value of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueQuery {
    /// The first bytes, which are all of most values.
    FirstBytes,
    /// As much as the largest value may have, and one byte more.
    Whole,
    /// The value, after a range of it was empty: the ranges of an empty value and of none look the
    /// same.
    Presence,
}

// === impl ValueQuery ===

impl ValueQuery {
    /// How many keys may be asked for their first bytes at a time, which is 4 MiB.
    pub(super) const MAX_FIRST_BYTES: usize = 64;
    /// How many bytes [`Self::FirstBytes`] asks for.
    const FIRST_BYTES: usize = 64 << 10;
    /// The largest value that hosts write, in bytes.
    const LARGEST: usize = 16 << 20;

    pub(super) fn command(self, name: &[u8]) -> Cmd {
        let range = |bytes: usize| {
            let last = (bytes - 1).to_string();
            command(&[b"GETRANGE", name, b"0", last.as_bytes()])
        };
        match self {
            Self::FirstBytes => range(Self::FIRST_BYTES),
            Self::Whole => range(Self::LARGEST + 1),
            Self::Presence => command(&[b"GET", name]),
        }
    }

    /// The reply that a `GET` would have had.
    ///
    /// # Errors
    ///
    /// The query to send next, if this one does not show the value.
    pub(super) fn complete(self, reply: Value) -> Result<Value, Self> {
        match (self, &reply) {
            (Self::Presence, _) => Ok(reply),
            (_, Value::BulkString(value)) if value.is_empty() => Err(Self::Presence),
            (Self::FirstBytes, Value::BulkString(value)) if value.len() >= Self::FIRST_BYTES => {
                Err(Self::Whole)
            }
            // An account that may `GET` may still not be allowed `GETRANGE`.
            (_, Value::ServerError(error)) if error.code() == "NOPERM" => Err(Self::Presence),
            _ => Ok(reply),
        }
    }

    /// The value in the reply of a `GET`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] for a value that is larger than hosts write.
    pub(super) fn value(reply: Value) -> Result<Option<Bytes>> {
        match reply {
            Value::BulkString(value) if value.len() > Self::LARGEST => {
                tracing::warn!("a watched key holds more than 16 MiB, which is not emitted");
                Err(Error::Corrupt("it holds more than 16 MiB".into()))
            }
            Value::BulkString(value) => Ok(Some(value.into())),
            Value::Nil => Ok(None),
            _ => Err(Error::Internal("GET was answered by something else".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(bytes: usize) -> Value {
        Value::BulkString(vec![b'x'; bytes])
    }

    #[test]
    fn small_values_take_one_query_and_others_two_or_three() {
        let first = ValueQuery::FirstBytes;
        assert_eq!(first.complete(value(1)), Ok(value(1)));
        assert_eq!(first.complete(value(65_535)), Ok(value(65_535)));
        assert_eq!(first.complete(value(65_536)), Err(ValueQuery::Whole));
        assert_eq!(first.complete(value(0)), Err(ValueQuery::Presence));
        let whole = ValueQuery::Whole;
        assert_eq!(whole.complete(value(1 << 20)), Ok(value(1 << 20)));
        assert_eq!(whole.complete(value(1)), Ok(value(1)));
        assert_eq!(whole.complete(value(0)), Err(ValueQuery::Presence));
        let presence = ValueQuery::Presence;
        assert_eq!(presence.complete(value(0)), Ok(value(0)));
        assert_eq!(presence.complete(Value::Nil), Ok(Value::Nil));
        assert_eq!(presence.complete(value(65_536)), Ok(value(65_536)));
    }

    #[test]
    fn an_account_without_getrange_uses_get() {
        let refused = |text: &str| redis::parse_redis_value(text.as_bytes()).unwrap();
        let next =
            ValueQuery::FirstBytes.complete(refused("-NOPERM this user has no permissions\r\n"));
        assert_eq!(next, Err(ValueQuery::Presence));
        let next = ValueQuery::FirstBytes.complete(refused("-WRONGTYPE no\r\n"));
        assert!(matches!(next, Ok(Value::ServerError(_))));
    }
}
