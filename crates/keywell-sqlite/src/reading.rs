//! Reads of entries, each at one instant.

use std::collections::HashMap;

use bytes::Bytes;
use keywell_store::{BucketName, Entry, Expires, Invalid, ValueBytes, Version};
use rusqlite::{Connection, Row, params};

use crate::error::Fault;
use crate::time;

/// An entry without its value.
pub(crate) struct Header {
    pub(crate) version: Version,
    pub(crate) expires: Expires,
    /// The length of the value.
    pub(crate) bytes: usize,
}

// === impl Header ===

impl Header {
    /// Reads the columns of version, end and length from this one on; `None` if it has expired.
    pub(crate) fn read(row: &Row<'_>, first: usize, now: i64) -> Result<Option<Self>, Fault> {
        let negative = || Fault::corrupt("a version is negative");
        let version = u64::try_from(row.get::<_, i64>(first)?).map_err(|_| negative())?;
        let bytes: i64 = row.get(first + 2)?;
        let expires = time::expires(row.get(first + 1)?, now);
        Ok(expires.map(|expires| Self {
            version: version.into(),
            expires,
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
        }))
    }

    pub(crate) fn entry(self, value: &[u8]) -> Entry {
        Entry {
            value: Bytes::copy_from_slice(value),
            version: self.version,
            expires: self.expires,
        }
    }
}

/// The entry of a key, if its value has at most `max` bytes.
pub(crate) fn entry(
    connection: &Connection,
    bucket: &str,
    key: &str,
    max: usize,
    now: i64,
) -> Result<Option<Entry>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT version, expires, length(value), CASE WHEN length(value) <= ?3 THEN value END \
         FROM entries WHERE bucket = ?1 AND key = ?2",
    )?;
    let most = i64::try_from(max).unwrap_or(i64::MAX);
    let mut rows = select.query(params![bucket, key, most])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let Some(header) = Header::read(row, 0, now)? else {
        return Ok(None);
    };
    let bytes = header.bytes;
    if bytes > max {
        return Err(keywell_store::Error::from(Invalid::ValueTooLarge { bytes, max }).into());
    }
    let value = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
    Ok(Some(header.entry(value)))
}

pub(crate) fn exists(
    connection: &Connection,
    bucket: &str,
    key: &str,
    now: i64,
) -> Result<bool, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT 1 FROM entries WHERE bucket = ?1 AND key = ?2 \
         AND (expires IS NULL OR expires > ?3)",
    )?;
    Ok(select.exists(params![bucket, key, now])?)
}

/// The entries of many keys, if their values have at most `max` bytes in total.
pub(crate) fn entries(
    connection: &Connection,
    bucket: &str,
    keys: &[String],
    max: usize,
) -> Result<Vec<Option<Entry>>, Fault> {
    let transaction = connection.unchecked_transaction()?;
    let now = time::now();
    let mut left = ValueBytes::new(max);
    // The value of a duplicate key is read once.
    let mut known: HashMap<&str, Option<Entry>> = HashMap::with_capacity(keys.len());
    let mut entries = Vec::with_capacity(keys.len());
    for key in keys {
        let entry = match known.get(&**key) {
            Some(entry) => entry.clone(),
            None => entry(&transaction, bucket, key, max, now)?,
        };
        left.add_entry(entry.as_ref())?;
        known.insert(key, entry.clone());
        entries.push(entry);
    }
    Ok(entries)
}

/// The buckets that hold an entry that has not expired. Names that no bucket can have are left out.
pub(crate) fn buckets(connection: &Connection) -> Result<Vec<BucketName>, Fault> {
    let transaction = connection.unchecked_transaction()?;
    let now = time::now();
    let mut next = transaction
        .prepare_cached("SELECT bucket FROM entries WHERE bucket > ?1 ORDER BY bucket LIMIT 1")?;
    let mut inhabited = transaction.prepare_cached(
        "SELECT 1 FROM entries WHERE bucket = ?1 AND (expires IS NULL OR expires > ?2) LIMIT 1",
    )?;
    let mut names = Vec::new();
    let mut last = String::new();
    while let Some(row) = next.query([&last])?.next()? {
        let name: String = row.get(0)?;
        if inhabited.exists(params![name, now])? {
            names.extend(BucketName::parse(&name));
        }
        last = name;
    }
    Ok(names)
}
