use redis::{Cmd, Value};

use crate::wire::command;

/// What is asked of a key, such that a server need not buffer more for us than it puts up with: it
/// cuts off a subscriber at 32 MiB, or at 8 MiB for a minute, unless it is configured otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Its first bytes, which of most values are all.
    Beginning,
    /// As much as a value of ours may have, and one byte more.
    Whole,
    /// What it holds, of which there were no bytes a moment ago: ranges of an empty value and of
    /// none look the same.
    Presence,
}

// === impl Question ===

impl Question {
    /// At most so many are asked for their beginning at a time, which is 4 MiB.
    pub(super) const MAX_BEGINNINGS: usize = 64;
    /// How many bytes a beginning has.
    const BEGINNING: usize = 64 << 10;
    /// The largest value that hosts write, in bytes.
    pub(super) const LARGEST: usize = 16 << 20;

    pub(super) fn command(self, name: &[u8]) -> Cmd {
        let range = |bytes: usize| {
            let last = (bytes - 1).to_string();
            command(&[b"GETRANGE", name, b"0", last.as_bytes()])
        };
        match self {
            Self::Beginning => range(Self::BEGINNING),
            Self::Whole => range(Self::LARGEST + 1),
            Self::Presence => command(&[b"GET", name]),
        }
    }

    /// What the key holds, as the answer to `GET`.
    ///
    /// # Errors
    ///
    /// What is to be asked next, as this did not tell.
    pub(super) fn answer(self, reply: Value) -> Result<Value, Self> {
        match (self, &reply) {
            (Self::Presence, _) => Ok(reply),
            (_, Value::BulkString(value)) if value.is_empty() => Err(Self::Presence),
            (Self::Beginning, Value::BulkString(value)) if value.len() >= Self::BEGINNING => {
                Err(Self::Whole)
            }
            // An account that may `GET` may still not be allowed this.
            (_, Value::ServerError(error)) if error.code() == "NOPERM" => Err(Self::Presence),
            _ => Ok(reply),
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
    fn small_values_take_one_question_and_others_two_or_three() {
        let beginning = Question::Beginning;
        assert_eq!(beginning.answer(value(1)), Ok(value(1)));
        assert_eq!(beginning.answer(value(65_535)), Ok(value(65_535)));
        assert_eq!(beginning.answer(value(65_536)), Err(Question::Whole));
        assert_eq!(beginning.answer(value(0)), Err(Question::Presence));
        let whole = Question::Whole;
        assert_eq!(whole.answer(value(1 << 20)), Ok(value(1 << 20)));
        assert_eq!(whole.answer(value(1)), Ok(value(1)));
        assert_eq!(whole.answer(value(0)), Err(Question::Presence));
        let presence = Question::Presence;
        assert_eq!(presence.answer(value(0)), Ok(value(0)));
        assert_eq!(presence.answer(Value::Nil), Ok(Value::Nil));
        assert_eq!(presence.answer(value(65_536)), Ok(value(65_536)));
    }

    #[test]
    fn who_may_not_read_ranges_reads_values() {
        let refused = |text: &str| redis::parse_redis_value(text.as_bytes()).unwrap();
        let asked = Question::Beginning.answer(refused("-NOPERM this user has no permissions\r\n"));
        assert_eq!(asked, Err(Question::Presence));
        let asked = Question::Beginning.answer(refused("-WRONGTYPE no\r\n"));
        assert!(matches!(asked, Ok(Value::ServerError(_))));
    }
}
