//! The encoding of events in [`CHANGES`](crate::tables::CHANGES): the kind (one byte), the number of
//! the bucket and the length of the key (four bytes each, big-endian), the key, the value.

use bytes::Bytes;
use keywell_store::{Event, Version};

use crate::error::Fault;

const SET: u8 = 0;
const DELETED: u8 = 1;
const EXPIRED: u8 = 2;

const HEADER: usize = 9;

/// One event of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) bucket: u32,
    pub(crate) key: &'a str,
    pub(crate) kind: Kind<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    Set(&'a [u8]),
    Deleted,
    Expired,
}

// === impl Record ===

impl<'a> Record<'a> {
    pub(crate) fn stored_bytes(&self) -> usize {
        HEADER + self.key.len() + self.kind.value().len()
    }

    /// Encodes the record into a buffer of [`stored_bytes`](Self::stored_bytes).
    pub(crate) fn fill(&self, buffer: &mut [u8]) {
        let value = HEADER + self.key.len();
        // Keys are at most 64 KiB: the bucket refuses longer ones.
        let key_bytes = u32::try_from(self.key.len()).unwrap_or(u32::MAX);
        buffer[0] = match self.kind {
            Kind::Set(_) => SET,
            Kind::Deleted => DELETED,
            Kind::Expired => EXPIRED,
        };
        buffer[1..5].copy_from_slice(&self.bucket.to_be_bytes());
        buffer[5..HEADER].copy_from_slice(&key_bytes.to_be_bytes());
        buffer[HEADER..value].copy_from_slice(self.key.as_bytes());
        buffer[value..].copy_from_slice(self.kind.value());
    }

    pub(crate) fn read(stored: &'a [u8]) -> Result<Self, Fault> {
        Self::parse(stored).ok_or_else(|| Fault::corrupt("an event of the history cannot be read"))
    }

    fn parse(stored: &'a [u8]) -> Option<Self> {
        let (kind, rest) = stored.split_first()?;
        let (bucket, rest) = rest.split_first_chunk()?;
        let (key_bytes, rest) = rest.split_first_chunk()?;
        let key_bytes = usize::try_from(u32::from_be_bytes(*key_bytes)).ok()?;
        let (key, value) = rest.split_at_checked(key_bytes)?;
        Some(Self {
            bucket: u32::from_be_bytes(*bucket),
            key: std::str::from_utf8(key).ok()?,
            kind: match *kind {
                SET => Kind::Set(value),
                DELETED => Kind::Deleted,
                EXPIRED => Kind::Expired,
                _ => return None,
            },
        })
    }

    /// The event that a watch delivers, without a token.
    pub(crate) fn event(&self, version: u64) -> Event {
        let (key, token) = (self.key.to_owned(), None);
        match self.kind {
            Kind::Set(value) => Event::Set {
                key,
                value: Bytes::copy_from_slice(value),
                version: Some(Version::from(version)),
                token,
            },
            Kind::Deleted => Event::Delete {
                key,
                expired: false,
                token,
            },
            Kind::Expired => Event::Delete {
                key,
                expired: true,
                token,
            },
        }
    }
}

// === impl Kind ===

impl<'a> Kind<'a> {
    fn value(self) -> &'a [u8] {
        match self {
            Self::Set(value) => value,
            Self::Deleted | Self::Expired => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_record_reads_back() {
        for kind in [
            Kind::Set(b"value"),
            Kind::Set(b""),
            Kind::Deleted,
            Kind::Expired,
        ] {
            let record = Record {
                bucket: 3,
                key: "ключ",
                kind,
            };
            let mut stored = vec![0; record.stored_bytes()];
            record.fill(&mut stored);
            assert_eq!(Record::read(&stored).unwrap(), record);
        }
    }

    #[test]
    fn a_malformed_record_is_corrupt() {
        for stored in [&b""[..], &[9; 9], &[0, 0, 0, 0, 1, 0, 0, 0, 5, b'a']] {
            assert!(Record::read(stored).is_err());
        }
    }
}
