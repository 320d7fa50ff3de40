use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{Entry, Error, Invalid, Result};

/// The most keys on one page.
pub const MAX_PAGE_KEYS: usize = 1000;

/// The most bytes of keys on one page, save that a page always has room for one key.
pub const MAX_PAGE_BYTES: usize = 256 * 1024;

/// Which keys to list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct List {
    /// Only keys that begin with this; empty for all.
    pub prefix: String,
    /// Where the page before this one ended; `None` for the first.
    pub cursor: Option<Cursor>,
    /// At most so many keys; more than [`MAX_PAGE_KEYS`] is taken as that, zero as one.
    pub limit: usize,
    /// `None` for keys alone. Else the page carries the entries of its keys, whose values have at
    /// most so many bytes together, save that a page always has room for one entry.
    pub values: Option<usize>,
}

/// Some of a bucket's keys.
///
/// A key that is there throughout a listing is on exactly one of its pages, whatever else is
/// written meanwhile. A page can be short, even empty, and still not be the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Page {
    /// The keys.
    pub keys: Vec<String>,
    /// The entry of each key, in the same order, if they were asked for; else none. They are as
    /// [`Bucket::get_with_expiry`](crate::Bucket::get_with_expiry) reads them, when the key is
    /// listed or after it.
    pub entries: Vec<Entry>,
    /// Where to go on; `None` on the last page.
    pub cursor: Option<Cursor>,
}

/// Where a listing continues: opaque text that survives a restart where the store does, as it needs no
/// memory in Keywell.
///
/// A store makes it by [`Cursor::seal`] from a position of its own, and reads it back by
/// [`Cursor::position`], which refuses a cursor of another bucket or of another listing, and text
/// that never was one. The check guards against mistakes, not against attack: a caller that forges a
/// cursor reads keys of a bucket that it can list anyway.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Cursor(String);

// === impl List ===

impl List {
    /// The limit, within bounds.
    pub fn page_keys(&self) -> usize {
        self.limit.clamp(1, MAX_PAGE_KEYS)
    }

    /// Whether a page of so many keys has no room for the next one, with which its keys would have so
    /// many bytes.
    pub fn is_full(&self, keys: usize, bytes: usize) -> bool {
        keys >= self.page_keys() || keys > 0 && bytes > MAX_PAGE_BYTES
    }

    /// How many of these keys, from the first on, a page has room for.
    pub fn room<K: AsRef<str>>(&self, keys: &[K]) -> usize {
        let mut bytes = 0;
        let full = keys.iter().enumerate().position(|(count, key)| {
            bytes += key.as_ref().len();
            self.is_full(count, bytes)
        });
        full.unwrap_or(keys.len())
    }
}

impl Default for List {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            cursor: None,
            limit: MAX_PAGE_KEYS,
            values: None,
        }
    }
}

// === impl Page ===

impl Page {
    /// A page of entries, without those that are gone since they were listed. It ends before the
    /// entry with which its values would have more than `max` bytes. `seal` makes the cursor that
    /// goes on behind a key.
    pub fn of_entries(
        listed: impl IntoIterator<Item = (String, Option<Entry>)>,
        cursor: Option<Cursor>,
        max: usize,
        seal: impl FnOnce(&str) -> Cursor,
    ) -> Self {
        let mut page = Self {
            cursor,
            ..Self::default()
        };
        let mut bytes: usize = 0;
        for (key, entry) in listed {
            let Some(entry) = entry else { continue };
            bytes = bytes.saturating_add(entry.value.len());
            if let Some(last) = page.keys.last()
                && bytes > max
            {
                page.cursor = Some(seal(last));
                break;
            }
            page.keys.push(key);
            page.entries.push(entry);
        }
        page
    }

    /// Leaves out keys, with their entries.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        if self.entries.is_empty() {
            return self.keys.retain(|key| keep(key));
        }
        let kept: Vec<bool> = self.keys.iter().map(|key| keep(key)).collect();
        let mut each = kept.iter();
        self.keys.retain(|_| each.next().copied().unwrap_or(true));
        let mut each = kept.iter();
        self.entries
            .retain(|_| each.next().copied().unwrap_or(true));
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

    fn entry(bytes: usize) -> Entry {
        Entry {
            value: vec![0; bytes].into(),
            version: 1.into(),
            expires: crate::Expires::Never,
        }
    }

    fn page(listed: &[(&str, Option<Entry>)], max: usize) -> (Vec<String>, Option<String>) {
        let listed = listed
            .iter()
            .map(|(key, entry)| ((*key).to_owned(), entry.clone()));
        let end = Some(Cursor::from("end".to_owned()));
        let page = Page::of_entries(listed, end, max, |key| Cursor::from(key.to_owned()));
        assert_eq!(page.keys.len(), page.entries.len());
        (page.keys, page.cursor.map(String::from))
    }

    #[test]
    fn a_page_has_room_for_a_key_and_no_more_than_its_bounds() {
        let room = |limit: usize, keys: &[usize]| {
            let keys: Vec<String> = keys.iter().map(|bytes| "k".repeat(*bytes)).collect();
            let request = List {
                limit,
                ..List::default()
            };
            request.room(&keys)
        };
        assert_eq!(room(3, &[]), 0);
        assert_eq!(room(3, &[1, 1, 1]), 3);
        assert_eq!(room(3, &[1, 1, 1, 1]), 3);
        assert_eq!(room(0, &[1, 1]), 1);
        assert_eq!(room(9, &[MAX_PAGE_BYTES - 1, 1]), 2);
        assert_eq!(room(9, &[MAX_PAGE_BYTES - 1, 2]), 1);
        assert_eq!(room(9, &[MAX_PAGE_BYTES + 1, 1]), 1);
        assert_eq!(room(usize::MAX, &[0; MAX_PAGE_KEYS + 1]), MAX_PAGE_KEYS);
    }

    #[test]
    fn a_page_of_entries_ends_where_its_values_are_too_large() {
        let listed = [
            ("a", Some(entry(2))),
            ("b", None),
            ("c", Some(entry(2))),
            ("d", Some(entry(0))),
            ("e", Some(entry(1))),
        ];
        let to = |text: &str| Some(text.to_owned());
        assert_eq!(
            page(&listed, 5),
            (["a", "c", "d", "e"].map(String::from).into(), to("end"))
        );
        assert_eq!(
            page(&listed, 4),
            (["a", "c", "d"].map(String::from).into(), to("d"))
        );
        assert_eq!(page(&listed, 3), (vec!["a".to_owned()], to("a")));
        assert_eq!(page(&listed, 0), (vec!["a".to_owned()], to("a")));
        assert_eq!(page(&listed[1..2], 0), (vec![], to("end")));
    }

    #[test]
    fn a_key_that_is_left_out_takes_its_entry_along() {
        let mut page = Page {
            keys: ["a", "b", "c"].map(String::from).into(),
            entries: [1, 2, 3].into_iter().map(entry).collect(),
            cursor: None,
        };
        page.retain(|key| key != "b");
        assert_eq!(page.keys, ["a", "c"]);
        assert_eq!(page.entries[1].value.len(), 3);
    }

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
