//! Listing: pages of keys, in the order of their bytes.

use keywell_store::{Cursor, Error, Invalid, List, MAX_PAGE_BYTES, Page};
use rusqlite::{Connection, params};

use crate::error::Fault;
use crate::reading::{self, Header};
use crate::time;

/// The most rows that are read for one page: expired ones make pages short instead of slow.
const SCAN_ROWS: usize = 10_000;

/// Reads a page. Its cursors are valid within `scope`.
pub(crate) fn read(
    connection: &Connection,
    scope: &str,
    bucket: &str,
    request: &List,
) -> Result<Page, Fault> {
    let prefix = &*request.prefix;
    let after = match &request.cursor {
        Some(cursor) => Some(position(cursor, scope, prefix)?),
        None => None,
    };
    let transaction = connection.unchecked_transaction()?;
    let now = time::now();
    let mut select = transaction.prepare_cached(
        "SELECT key, version, expires, length(value) FROM entries \
         WHERE bucket = ?1 AND key >= ?2 ORDER BY key",
    )?;
    let mut rows = select.query(params![bucket, after.as_deref().unwrap_or(prefix)])?;
    let mut page = Page::default();
    let (mut key_bytes, mut value_bytes, mut scanned) = (0, 0_usize, 0);
    let mut last = after.clone();
    while let Some(row) = rows.next()? {
        let key = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        if !key.starts_with(prefix) {
            break;
        }
        if after.as_deref() == Some(key) {
            continue;
        }
        let header = Header::read(row, 1, now)?;
        let is_full = header.as_ref().is_some_and(|header| {
            let bytes = value_bytes.saturating_add(header.bytes);
            let is_large = request.values.is_some_and(|max| bytes > max);
            page.keys.len() == request.page_keys()
                || (!page.keys.is_empty() && (is_large || key_bytes + key.len() > MAX_PAGE_BYTES))
        });
        if is_full || scanned == SCAN_ROWS {
            page.cursor = last.map(|key| Cursor::seal(scope, prefix, key.as_bytes()));
            break;
        }
        scanned += 1;
        if let Some(header) = header {
            key_bytes += key.len();
            if request.values.is_some() {
                value_bytes += header.bytes;
                let entry = reading::entry(&transaction, bucket, key, usize::MAX, now)?;
                page.entries.extend(entry);
            }
            page.keys.push(key.to_owned());
        }
        last = Some(key.to_owned());
    }
    Ok(page)
}

fn position(cursor: &Cursor, scope: &str, prefix: &str) -> Result<String, Error> {
    let last = String::from_utf8(cursor.position(scope, prefix)?).ok();
    last.filter(|key| key.starts_with(prefix))
        .ok_or(Error::Invalid(Invalid::Cursor))
}
