use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{Error, Invalid, Result};

/// The most keys on one page.
pub const MAX_PAGE_KEYS: usize = 1000;

/// The most bytes of keys on one page, save that a page always has room for one key.
pub const MAX_PAGE_BYTES: usize = 256 * 1024;

/// Which keys to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Only keys that begin with this; empty for all.
    pub prefix: String,
    /// Where the page before this one ended; `None` for the first.
    pub cursor: Option<Cursor>,
    /// At most so many keys; more than [`MAX_PAGE_KEYS`] is taken as that, zero as one.
    pub limit: usize,
}

/// Some of a bucket's keys.
///
/// A key that is there throughout a listing is on exactly one of its pages, whatever else is
/// written meanwhile. A page can be short, even empty, and still not be the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The keys.
    pub keys: Vec<String>,
    /// Where to go on; `None` on the last page.
    pub cursor: Option<Cursor>,
}

/// Where a listing goes on: opaque text that survives a restart where the store does.
///
/// A store makes it by [`Cursor::seal`] from a position of its own, and reads it back by
/// [`Cursor::position`], which refuses a cursor of another bucket or of another listing, and text
/// that never was one. The check guards against mistakes, not against attack: a caller that forges a
/// cursor reads keys of a bucket that it can list anyway.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor(String);

// === impl List ===

impl List {
    /// The limit, within bounds.
    pub fn page_keys(&self) -> usize {
        self.limit.clamp(1, MAX_PAGE_KEYS)
    }
}

impl Default for List {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            cursor: None,
            limit: MAX_PAGE_KEYS,
        }
    }
}

// === impl Cursor ===

impl Cursor {
    /// Wraps a position in the listing of `prefix` in `bucket`, where `bucket` also identifies the store (`disk/orders`, say).
    pub fn seal(bucket: &str, prefix: &str, position: &[u8]) -> Self {
        let mut sealed = Vec::with_capacity(8 + position.len());
        sealed.extend(Self::checksum(bucket, prefix, position).to_be_bytes());
        sealed.extend(position);
        Self(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The position inside.
    ///
    /// # Errors
    ///
    /// [`Invalid::Cursor`] unless it was sealed for the same bucket and prefix.
    pub fn position(&self, bucket: &str, prefix: &str) -> Result<Vec<u8>> {
        let refused = || Error::Invalid(Invalid::Cursor);
        let mut sealed = URL_SAFE_NO_PAD.decode(&self.0).map_err(|_| refused())?;
        let (checksum, position) = sealed.split_first_chunk().ok_or_else(refused)?;
        if u64::from_be_bytes(*checksum) != Self::checksum(bucket, prefix, position) {
            return Err(refused());
        }
        sealed.drain(..8);
        Ok(sealed)
    }

    /// The cursor as text, to hand to a guest.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    // The lengths keep (`ab`, `c`) and (`a`, `bc`) apart. Stored cursors outlive releases, so this
    // is a hash whose output is specified.
    fn checksum(bucket: &str, prefix: &str, position: &[u8]) -> u64 {
        let mut text = Vec::with_capacity(16 + bucket.len() + prefix.len() + position.len());
        for part in [bucket, prefix] {
            text.extend((part.len() as u64).to_be_bytes());
            text.extend(part.as_bytes());
        }
        text.extend(position);
        twox_hash::XxHash3_64::oneshot_with_seed(u64::from_be_bytes(*b"keywell1"), &text)
    }
}

impl From<String> for Cursor {
    /// Takes text for a cursor; whether it is one shows when it is used.
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_opens_only_where_it_was_sealed() {
        let cursor = Cursor::seal("memory/a", "p", b"p\xff\0");
        assert_eq!(cursor.position("memory/a", "p").unwrap(), b"p\xff\0");
        for (bucket, prefix) in [("memory/b", "p"), ("memory/a", ""), ("memory/", "ap")] {
            assert!(cursor.position(bucket, prefix).is_err());
        }
    }

    #[test]
    fn text_that_never_was_a_cursor_is_refused() {
        for text in ["", "0", "forged", "AAAAAAAAAAA", "é", "AAAAAAAAAAAAAAAA=="] {
            let cursor = Cursor::from(text.to_owned());
            assert!(cursor.position("memory/a", "").is_err(), "{text:?}");
        }
    }
}
