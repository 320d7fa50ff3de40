//! How an event lies in [`CHANGES`](crate::tables::CHANGES): its kind, the bucket's number and the
//! length of the key, each of the two four bytes big-endian; then the key, then the value.

use bytes::Bytes;
use keywell_store::{Event, ResumeToken, Version};

use crate::error::Fault;

const SET: u8 = 0;
const DELETED: u8 = 1;
const EXPIRED: u8 = 2;

const HEADER: usize = 9;

/// One event of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change<'a> {
    pub(crate) bucket: u32,
    pub(crate) key: &'a str,
    pub(crate) what: What<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What<'a> {
    Set(&'a [u8]),
    Deleted,
    Expired,
}

// === impl Change ===

impl<'a> Change<'a> {
    pub(crate) fn stored_bytes(&self) -> usize {
        HEADER + self.key.len() + self.what.value().len()
    }

    /// Writes it into a place of just [`stored_bytes`](Self::stored_bytes).
    pub(crate) fn fill(&self, place: &mut [u8]) {
        let value = HEADER + self.key.len();
        // Keys are at most 64 KiB: the bucket refuses longer ones.
        let key_bytes = u32::try_from(self.key.len()).unwrap_or(u32::MAX);
        place[0] = match self.what {
            What::Set(_) => SET,
            What::Deleted => DELETED,
            What::Expired => EXPIRED,
        };
        place[1..5].copy_from_slice(&self.bucket.to_be_bytes());
        place[5..HEADER].copy_from_slice(&key_bytes.to_be_bytes());
        place[HEADER..value].copy_from_slice(self.key.as_bytes());
        place[value..].copy_from_slice(self.what.value());
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
            what: match *kind {
                SET => What::Set(value),
                DELETED => What::Deleted,
                EXPIRED => What::Expired,
                _ => return None,
            },
        })
    }

    /// The event as a watch tells it.
    pub(crate) fn event(&self, sequence: u64, token: ResumeToken) -> Event {
        let key = self.key.to_owned();
        let token = Some(token);
        match self.what {
            What::Set(value) => Event::Set {
                key,
                value: Bytes::copy_from_slice(value),
                version: Some(Version::from(sequence)),
                token,
            },
            What::Deleted => Event::Delete {
                key,
                expired: false,
                token,
            },
            What::Expired => Event::Delete {
                key,
                expired: true,
                token,
            },
        }
    }
}

// === impl What ===

impl<'a> What<'a> {
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
    fn every_kind_of_change_reads_back() {
        for what in [
            What::Set(b"value"),
            What::Set(b""),
            What::Deleted,
            What::Expired,
        ] {
            let change = Change {
                bucket: 3,
                key: "ключ",
                what,
            };
            let mut stored = vec![0; change.stored_bytes()];
            change.fill(&mut stored);
            assert_eq!(Change::read(&stored).unwrap(), change);
        }
    }

    #[test]
    fn a_change_that_was_never_written_is_corrupt() {
        for stored in [&b""[..], &[9; 9], &[0, 0, 0, 0, 1, 0, 0, 0, 5, b'a']] {
            assert!(Change::read(stored).is_err());
        }
    }
}
