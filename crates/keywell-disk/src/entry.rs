//! The encoding of entries in [`ENTRIES`](crate::tables::ENTRIES).
//!
//! A key is the number of the bucket (four bytes, big-endian) and the bytes of the key. The keys of a
//! bucket are thus adjacent, in the order of their bytes. A value is a [`Header`] and the bytes of
//! the value.

use std::ops::Bound;
use std::time::Duration;

use bytes::Bytes;
use keywell_store::{Entry, Expires, Version};

use crate::error::Fault;

/// The header before the bytes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The sequence number of the write. It is unique within a store, so it also distinguishes an
    /// entry from an earlier one of the same key.
    pub(crate) version: u64,
    /// When the entry expires, by the [time of the store](crate::clock); zero for never.
    pub(crate) expires: u64,
}

// === impl Header ===

impl Header {
    pub(crate) const BYTES: usize = 16;

    /// Splits a stored value.
    pub(crate) fn split(stored: &[u8]) -> Result<(Self, &[u8]), Fault> {
        let torn = || Fault::corrupt("an entry is shorter than its header");
        let (version, rest) = stored.split_first_chunk().ok_or_else(torn)?;
        let (expires, value) = rest.split_first_chunk().ok_or_else(torn)?;
        let header = Self {
            version: u64::from_be_bytes(*version),
            expires: u64::from_be_bytes(*expires),
        };
        Ok((header, value))
    }

    /// Encodes header and value into a buffer of that length.
    pub(crate) fn fill(self, buffer: &mut [u8], value: &[u8]) {
        buffer[..8].copy_from_slice(&self.version.to_be_bytes());
        buffer[8..Self::BYTES].copy_from_slice(&self.expires.to_be_bytes());
        buffer[Self::BYTES..].copy_from_slice(value);
    }

    /// When the entry expires; `None` if it has. Calls `now` only if the entry has a time to live.
    pub(crate) fn expires(self, now: impl FnOnce() -> u64) -> Option<Expires> {
        if self.expires == 0 {
            return Some(Expires::Never);
        }
        let left = self.expires.checked_sub(now()).filter(|left| *left > 0)?;
        Some(Expires::In(Duration::from_millis(left)))
    }

    /// The entry, with what is left of its time to live.
    pub(crate) fn entry(self, expires: Expires, value: &[u8]) -> Entry {
        Entry {
            value: Bytes::copy_from_slice(value),
            version: Version::from(self.version),
            expires,
        }
    }

    /// Whether the entry has not expired. Calls `now` only if the entry has a time to live.
    pub(crate) fn lives(self, now: impl FnOnce() -> u64) -> bool {
        self.expires(now).is_some()
    }
}

/// The table key of a key in a bucket.
pub(crate) fn key(bucket: u32, key: &str) -> Vec<u8> {
    let mut joined = Vec::with_capacity(4 + key.len());
    joined.extend(bucket.to_be_bytes());
    joined.extend(key.as_bytes());
    joined
}

/// Splits a table key.
pub(crate) fn split_key(joined: &[u8]) -> Result<(u32, &str), Fault> {
    let torn = || Fault::corrupt("a key is malformed");
    let (bucket, key) = joined.split_first_chunk().ok_or_else(torn)?;
    let key = std::str::from_utf8(key).map_err(|_| torn())?;
    Ok((u32::from_be_bytes(*bucket), key))
}

/// The row of [`EXPIRY`](crate::tables::EXPIRY) for a key of the table.
pub(crate) fn expiry_row(expires: u64, joined: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(8 + joined.len());
    row.extend(expires.to_be_bytes());
    row.extend(joined);
    row
}

/// Splits a row of [`EXPIRY`](crate::tables::EXPIRY).
pub(crate) fn split_expiry_row(row: &[u8]) -> Result<(u64, &[u8]), Fault> {
    let (expires, joined) = row
        .split_first_chunk()
        .ok_or_else(|| Fault::corrupt("a row of the expiry index is too short"))?;
    Ok((u64::from_be_bytes(*expires), joined))
}

/// The upper bound of the keys that begin with this one.
pub(crate) fn end_of(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Bound::Excluded(end);
        }
    }
    Bound::Unbounded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_entry_reads_back() {
        let header = Header {
            version: 7,
            expires: 1_800_000_000_000,
        };
        let mut stored = vec![0; Header::BYTES + 5];
        header.fill(&mut stored, b"value");
        assert_eq!(Header::split(&stored).unwrap(), (header, &b"value"[..]));
        assert!(Header::split(&stored[..15]).is_err());
    }

    #[test]
    fn an_entry_is_gone_at_the_very_millisecond() {
        let header = |expires| Header {
            version: 1,
            expires,
        };
        assert!(header(0).lives(|| u64::MAX));
        assert!(header(10).lives(|| 9));
        assert!(!header(10).lives(|| 10));
    }

    #[test]
    fn an_entry_has_what_is_left_of_its_time() {
        let header = |expires| Header {
            version: 1,
            expires,
        };
        assert_eq!(header(0).expires(|| u64::MAX), Some(Expires::Never));
        let left = Duration::from_millis(3);
        assert_eq!(header(10).expires(|| 7), Some(Expires::In(left)));
        assert_eq!(header(10).expires(|| 10), None);
        assert_eq!(header(10).expires(|| 11), None);
    }

    #[test]
    fn the_end_of_a_prefix_is_just_past_its_last_key() {
        assert_eq!(end_of(b"ab"), Bound::Excluded(b"ac".to_vec()));
        assert_eq!(end_of(b"a\xff\xff"), Bound::Excluded(b"b".to_vec()));
        assert_eq!(end_of(b"\xff"), Bound::Unbounded);
        assert_eq!(end_of(&key(0, "")), Bound::Excluded(vec![0, 0, 0, 1]));
    }
}
