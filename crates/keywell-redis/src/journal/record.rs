use bytes::Bytes;
use keywell_store::{Error, Event, Failure, Filter, Result, Version};
use redis::Value;

use super::position::{Nonce, Position};
use super::reply::Elements;

/// An event as the stream has it.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) seq: u64,
    pub(crate) nonce: Nonce,
    /// The nonce of the event before it: by this, a reader knows that none is missing between.
    prev: Nonce,
    key: String,
    op: Op,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Op {
    Set(Bytes),
    Deleted,
    Expired,
}

// === impl Record ===

impl Record {
    /// Reads an entry of the stream: its id, and its fields in the order in which scripts write
    /// them.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] for one that no script wrote.
    pub(crate) fn read(entry: Value) -> Result<Self> {
        Self::parse(entry).map_err(|_| {
            let problem = "another program has written to the stream of a journal";
            Error::Corrupt(Failure::new(problem))
        })
    }

    fn parse(entry: Value) -> Result<Self, Foreign> {
        let mut entry = Elements::of(entry)?;
        let id = entry.text()?;
        let seq = id.strip_suffix("-0").ok_or(Foreign)?;
        let mut fields = entry.elements()?;
        entry.end()?;
        let op = fields.field("op")?;
        let key = String::from_utf8(fields.field("key")?.into()).map_err(|_| Foreign)?;
        let value = fields.field("value")?;
        let nonce = fields.field("nonce")?;
        let prev = fields.field("prev")?;
        let record = Self {
            seq: seq.parse().map_err(|_| Foreign)?,
            nonce: parsed(&nonce)?,
            prev: parsed(&prev)?,
            key,
            op: match &op[..] {
                b"set" => Op::Set(value),
                b"del" => Op::Deleted,
                b"exp" => Op::Expired,
                _ => return Err(Foreign),
            },
        };
        Ok(record)
    }

    /// Whether it is the very next event.
    pub(crate) fn follows(&self, position: &Position) -> bool {
        position.seq.checked_add(1) == Some(self.seq) && self.prev == position.nonce
    }

    /// The place just after it, in the same journal as another place.
    pub(crate) fn position(&self, before: &Position) -> Position {
        Position {
            epoch: before.epoch,
            seq: self.seq,
            nonce: self.nonce,
        }
    }

    /// About what it takes in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        const OVERHEAD: usize = 128;
        let value = match &self.op {
            Op::Set(value) => value.len(),
            Op::Deleted | Op::Expired => 0,
        };
        OVERHEAD + self.key.len() + value
    }

    pub(crate) fn is_about(&self, filter: &Filter) -> bool {
        filter.matches(&self.key)
    }

    /// The event that a watch delivers, without a token.
    pub(crate) fn event(&self) -> Event {
        let (key, token) = (self.key.clone(), None);
        match &self.op {
            Op::Set(value) => Event::Set {
                key,
                value: value.clone(),
                version: Some(version(self.seq, self.nonce)),
                token,
            },
            op => Event::Delete {
                key,
                expired: *op == Op::Expired,
                token,
            },
        }
    }
}

#[cfg(test)]
impl Record {
    /// One that follows a place, with a value of that many bytes.
    pub(crate) fn of_bytes(before: &Position, bytes: usize) -> Self {
        Self {
            seq: before.seq + 1,
            nonce: Nonce::new(),
            prev: before.nonce,
            key: "k".to_owned(),
            op: Op::Set(Bytes::from(vec![0; bytes])),
        }
    }
}

/// The version that a script gives to a write.
fn version(seq: u64, nonce: Nonce) -> Version {
    Version::from(Bytes::from(format!("{seq}-{nonce}")))
}

fn parsed<N: std::str::FromStr>(digits: &[u8]) -> Result<N, Foreign> {
    let text = std::str::from_utf8(digits).map_err(|_| Foreign)?;
    text.parse().map_err(|_| Foreign)
}

/// Something that no script wrote.
#[derive(Debug)]
struct Foreign;

impl From<Error> for Foreign {
    fn from(_: Error) -> Self {
        Self
    }
}

// === impl Elements ===

impl Elements {
    fn field(&mut self, name: &str) -> Result<Bytes, Foreign> {
        if self.bytes()? != name {
            return Err(Foreign);
        }
        Ok(self.bytes()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn entry(id: &str, fields: &[&str]) -> Value {
        let fields = fields.iter().map(|field| text(field)).collect();
        Value::Array(vec![text(id), Value::Array(fields)])
    }

    const FIELDS: [&str; 12] = [
        "op",
        "set",
        "key",
        "k",
        "value",
        "v",
        "nonce",
        "00000000000000ab",
        "prev",
        "00000000000000cd",
        "bytes",
        "66",
    ];

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let record = Record::read(entry("8-0", &FIELDS)).unwrap();
        let before = Position {
            epoch: Nonce::new(),
            seq: 7,
            nonce: "cd".parse().unwrap(),
        };
        assert!(record.follows(&before));
        let after = record.position(&before);
        assert_eq!((after.epoch, after.seq), (before.epoch, 8));
        assert!(!record.follows(&after));
        let Event::Set {
            key,
            value,
            version,
            ..
        } = record.event()
        else {
            panic!("it is a set");
        };
        assert_eq!((&*key, &value[..]), ("k", &b"v"[..]));
        let version = version.unwrap();
        assert_eq!(version.as_bytes().unwrap(), "8-00000000000000ab");
    }

    #[test]
    fn an_event_after_another_write_of_the_same_number_does_not_follow() {
        let record = Record::read(entry("8-0", &FIELDS)).unwrap();
        let lost = Position {
            epoch: Nonce::new(),
            seq: 7,
            nonce: "ce".parse().unwrap(),
        };
        assert!(!record.follows(&lost));
    }

    #[test]
    fn what_others_wrote_is_corrupt() {
        let changed = |at: usize, to: &'static str| {
            let mut fields = FIELDS;
            fields[at] = to;
            entry("8-0", &fields)
        };
        let others = [
            Value::Nil,
            entry("8-1", &FIELDS),
            entry("x-0", &FIELDS),
            entry("8-0", &FIELDS[..9]),
            entry("8-0", &["f", "v"]),
            changed(0, "what"),
            changed(1, "rename"),
            changed(7, "none"),
            changed(8, "next"),
        ];
        for other in others {
            let text = format!("{other:?}");
            let read = Record::read(other);
            assert!(matches!(read, Err(Error::Corrupt(_))), "{text}");
        }
    }
}
