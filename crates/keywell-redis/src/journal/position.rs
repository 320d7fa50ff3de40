use std::fmt;
use std::str::FromStr;

use keywell_store::{Cursor, Error, Invalid, Result, ResumeToken};

/// 64 random bits, which distinguish a write, or a journal, from every other one.
///
/// Numbers of events can come a second time, from a server that was restarted with less than it
/// had acknowledged, or from a replica that took over. These do not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nonce(u64);

/// A place in the journal of a shard: just after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// Which journal: a journal that is started over has another epoch.
    pub(crate) epoch: Nonce,
    /// The event's number, from which the next one's is one more.
    pub(crate) seq: u64,
    /// The nonce of the write that made the event; the epoch before the first.
    pub(crate) nonce: Nonce,
}

// === impl Nonce ===

impl Nonce {
    pub(crate) fn new() -> Self {
        Self(rand::random())
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Nonce {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

// === impl Position ===

impl Position {
    const BYTES: usize = 24;

    /// A token for these places, one in each shard. It is sealed as a cursor is.
    pub(crate) fn token(all: &[Self], scope: &str) -> ResumeToken {
        let mut bytes = Vec::with_capacity(all.len() * Self::BYTES);
        for position in all {
            bytes.extend(position.epoch.0.to_be_bytes());
            bytes.extend(position.seq.to_be_bytes());
            bytes.extend(position.nonce.0.to_be_bytes());
        }
        ResumeToken::from(String::from(Cursor::seal(scope, "", &bytes)))
    }

    /// The places that a token of this scope was made for, one in each of so many shards.
    ///
    /// # Errors
    ///
    /// [`Invalid::Token`] for any other text.
    pub(crate) fn of_token(token: &ResumeToken, scope: &str, shards: usize) -> Result<Vec<Self>> {
        let bytes = Cursor::from(token.as_str().to_owned()).position(scope, "");
        let bytes = bytes.ok().filter(|it| it.len() == shards * Self::BYTES);
        let bytes = bytes.ok_or(Error::Invalid(Invalid::Token))?;
        let (numbers, _) = bytes.as_chunks();
        let positions = numbers.chunks_exact(3).map(|numbers| Self {
            epoch: Nonce(u64::from_be_bytes(numbers[0])),
            seq: u64::from_be_bytes(numbers[1]),
            nonce: Nonce(u64::from_be_bytes(numbers[2])),
        });
        Ok(positions.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(seq: u64) -> Position {
        Position {
            epoch: Nonce::new(),
            seq,
            nonce: Nonce::new(),
        }
    }

    #[test]
    fn a_token_is_read_only_where_it_was_made() {
        let all = [position(1), position(u64::MAX)];
        let token = Position::token(&all, "here");
        assert_eq!(Position::of_token(&token, "here", 2).unwrap(), all);
        assert!(Position::of_token(&token, "there", 2).is_err());
        assert!(Position::of_token(&token, "here", 1).is_err());
        assert!(Position::of_token(&token, "here", 3).is_err());
    }

    #[test]
    fn text_that_never_was_a_token_is_refused() {
        let token = Position::token(&[position(7)], "here");
        let (cut, longer) = (&token.as_str()[1..], format!("{}A", token.as_str()));
        for text in ["", "0", "$", "0-0", "é", "\0", cut, &longer] {
            let forged = ResumeToken::from(text.to_owned());
            assert!(Position::of_token(&forged, "here", 1).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_nonce_is_sixteen_digits() {
        assert_eq!(Nonce(0xab).to_string(), "00000000000000ab");
        let nonce = Nonce::new();
        assert_eq!(nonce.to_string().parse::<Nonce>().unwrap(), nonce);
    }
}
