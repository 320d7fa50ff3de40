//! Listing: pages of keys, in the order of their bytes.

use std::ops::Bound;

use keywell_store::{Cursor, Error, Invalid, List, Page};
use redb::ReadOnlyTable;

use crate::clock::Clock;
use crate::entry::{self, Header};
use crate::error::Fault;

/// The most bytes of entries that are read for one page, which always has at least one entry. Values
/// are stored beside their keys, so large values make pages short instead of slow.
const SCAN_BYTES: usize = 4 * 1024 * 1024;

/// Reads a page. Its cursors are valid within `scope`.
pub(crate) fn read(
    table: &ReadOnlyTable<&'static [u8], &'static [u8]>,
    scope: &str,
    bucket: Option<u32>,
    request: &List,
    clock: &Clock,
) -> Result<Page, Fault> {
    let after = match &request.cursor {
        Some(cursor) => Some(position(cursor, scope, &request.prefix)?),
        None => None,
    };
    let Some(bucket) = bucket else {
        return Ok(Page::default());
    };
    let first = entry::key(bucket, &request.prefix);
    let start = match &after {
        Some(last) => Bound::Excluded(entry::key(bucket, last)),
        None => Bound::Included(first.clone()),
    };
    let end = entry::end_of(&first);
    let range = (as_slice(&start), as_slice(&end));
    let now = clock.now();
    let (mut keys, mut entries) = (Vec::new(), Vec::new());
    let mut key_bytes = 0;
    let mut value_bytes = 0;
    let mut scanned = 0;
    // The last key that was read, if it has expired. Otherwise that is the last of `keys`.
    let mut passed: Option<String> = None;
    for row in table.range::<&[u8]>(range)? {
        let (joined, stored) = row.map_err(|error| {
            Fault::from(error).at(|| match passed.as_ref().or(keys.last()) {
                Some(key) => format!("the keys after {key:?}"),
                None => "the first keys".to_owned(),
            })
        })?;
        let (_, key) = entry::split_key(joined.value())?;
        let (header, value) = Header::split(stored.value())?;
        let expires = header.expires(|| now);
        let is_large = request
            .values
            .is_some_and(|max| value_bytes + value.len() > max);
        let is_full =
            request.is_full(keys.len(), key_bytes + key.len()) || is_large && !keys.is_empty();
        if (expires.is_some() && is_full) || scanned >= SCAN_BYTES {
            let last = passed.as_ref().or(keys.last());
            let cursor = last.map(|key| Cursor::seal(scope, &request.prefix, key.as_bytes()));
            return Ok(Page {
                keys,
                entries,
                cursor,
            });
        }
        scanned += key.len() + value.len();
        if let Some(expires) = expires {
            key_bytes += key.len();
            keys.push(key.to_owned());
            passed = None;
            if request.values.is_some() {
                value_bytes += value.len();
                entries.push(header.entry(expires, value));
            }
        } else {
            passed = Some(key.to_owned());
        }
    }
    Ok(Page {
        keys,
        entries,
        cursor: None,
    })
}

/// Whether a bucket holds an entry that has not expired.
pub(crate) fn is_inhabited(
    table: &ReadOnlyTable<&'static [u8], &'static [u8]>,
    bucket: u32,
    clock: &Clock,
) -> Result<bool, Fault> {
    let first = entry::key(bucket, "");
    let end = entry::end_of(&first);
    let range = (Bound::Included(&first[..]), as_slice(&end));
    let now = clock.now();
    for row in table.range::<&[u8]>(range)? {
        let (_, stored) = row?;
        if Header::split(stored.value())?.0.lives(|| now) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn position(cursor: &Cursor, scope: &str, prefix: &str) -> Result<String, Error> {
    let last = String::from_utf8(cursor.position(scope, prefix)?).ok();
    last.filter(|key| key.starts_with(prefix))
        .ok_or(Error::Invalid(Invalid::Cursor))
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}
