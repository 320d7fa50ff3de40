//! Reads of entries, each by one statement.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use keywell_store::{
    BucketName, Cursor, Entry, Error, Expires, Failure, Invalid, List, MAX_PAGE_BYTES, Page,
    Result, ValueBytes, Version,
};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::server::Server;

const EXISTS: &str = "SELECT 1 FROM entries WHERE bucket = $1 AND key = $2 \
     AND (expires IS NULL OR expires > clock_timestamp())";

/// A value that is longer than asked for is not sent.
const GET: &str = "SELECT version, \
     ceil(extract(epoch FROM expires - clock_timestamp()) * 1000)::bigint AS left, \
     octet_length(value) AS bytes, CASE WHEN octet_length(value) <= $3 THEN value END AS value \
     FROM entries WHERE bucket = $1 AND key = $2";

/// No value is sent if all of them are longer than asked for.
const GET_MANY: &str = "WITH found AS ( \
         SELECT key, version, expires, octet_length(value) AS bytes, value FROM entries \
         WHERE bucket = $1 AND key = ANY ($2) \
         AND (expires IS NULL OR expires > clock_timestamp()) \
     ) \
     SELECT version, ceil(extract(epoch FROM expires - clock_timestamp()) * 1000)::bigint AS left, \
         bytes, CASE WHEN (SELECT sum(bytes) FROM found) <= $3 THEN value END AS value, key \
     FROM found";

/// What expires meanwhile has a millisecond left.
const LIST: &str = "SELECT version, \
         CASE WHEN expires IS NOT NULL THEN greatest(1, ceil(extract(epoch FROM expires - \
         clock_timestamp()) * 1000)::bigint) END AS left, \
         octet_length(value) AS bytes, NULL::bytea AS value, key \
     FROM entries WHERE bucket = $1 AND key > $2 AND key >= $3 AND key < $4 \
         AND (expires IS NULL OR expires > clock_timestamp()) \
     ORDER BY key LIMIT $5";

/// Sends the values that fit, and the first in any case.
const LIST_VALUES: &str = "SELECT version, \
         CASE WHEN expires IS NOT NULL THEN greatest(1, ceil(extract(epoch FROM expires - \
         clock_timestamp()) * 1000)::bigint) END AS left, bytes, \
         CASE WHEN total <= $6 OR total = bytes THEN value END AS value, key \
     FROM ( \
         SELECT key, version, expires, value, octet_length(value) AS bytes, \
             sum(octet_length(value)) OVER (ORDER BY key) AS total \
         FROM ( \
             SELECT key, version, expires, value \
             FROM entries WHERE bucket = $1 AND key > $2 AND key >= $3 AND key < $4 \
                 AND (expires IS NULL OR expires > clock_timestamp()) \
             ORDER BY key LIMIT $5 \
         ) AS page \
     ) AS summed ORDER BY key";

/// Goes from bucket to bucket, however many keys each has.
const BUCKETS: &str = "WITH RECURSIVE names AS ( \
         (SELECT bucket FROM entries WHERE expires IS NULL OR expires > clock_timestamp() \
          ORDER BY bucket LIMIT 1) \
         UNION ALL \
         SELECT (SELECT entries.bucket FROM entries WHERE entries.bucket > names.bucket \
                 AND (expires IS NULL OR expires > clock_timestamp()) \
                 ORDER BY entries.bucket LIMIT 1) \
         FROM names WHERE names.bucket IS NOT NULL \
     ) SELECT bucket FROM names WHERE bucket IS NOT NULL";

/// A row, and its value if that was sent.
struct Found<'a> {
    entry: Entry,
    bytes: usize,
    value: Option<&'a [u8]>,
}

// === impl Found ===

impl<'a> Found<'a> {
    /// `None` if it has expired.
    fn read(row: &'a Row) -> Result<Option<Self>> {
        let expires = match column::<Option<i64>>(row, "left")? {
            None => Expires::Never,
            Some(left) => match u64::try_from(left) {
                Ok(left @ 1..) => Expires::In(Duration::from_millis(left)),
                _ => return Ok(None),
            },
        };
        let version = u64::try_from(column::<i64>(row, "version")?);
        let version = version.map_err(|_| corrupt("a version is negative"))?;
        let bytes: i32 = column(row, "bytes")?;
        Ok(Some(Self {
            entry: Entry {
                value: Bytes::new(),
                version: Version::from(version),
                expires,
            },
            bytes: usize::try_from(bytes).unwrap_or(0),
            value: column(row, "value")?,
        }))
    }

    fn entry(self) -> Result<Entry> {
        let value = self.value.ok_or_else(|| corrupt("a value is missing"))?;
        Ok(Entry {
            value: Bytes::copy_from_slice(value),
            ..self.entry
        })
    }
}

pub(crate) async fn exists(server: &Server, bucket: &BucketName, key: &str) -> Result<bool> {
    let rows = server
        .read(EXISTS, &[&bucket.as_str(), &key.as_bytes()])
        .await?;
    Ok(!rows.is_empty())
}

/// The entry of a key, if its value has at most `max` bytes.
pub(crate) async fn entry(
    server: &Server,
    bucket: &BucketName,
    key: &str,
    max: usize,
) -> Result<Option<Entry>> {
    let most = i32::try_from(max).unwrap_or(i32::MAX);
    let rows = server
        .read(GET, &[&bucket.as_str(), &key.as_bytes(), &most])
        .await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let Some(found) = Found::read(row)? else {
        return Ok(None);
    };
    let bytes = found.bytes;
    if bytes > max {
        return Err(Invalid::ValueTooLarge { bytes, max }.into());
    }
    found.entry().map(Some)
}

/// The entries of many keys, if their values have at most `max` bytes in total.
pub(crate) async fn entries(
    server: &Server,
    bucket: &BucketName,
    keys: &[String],
    max: usize,
) -> Result<Vec<Option<Entry>>> {
    let names: Vec<&[u8]> = keys.iter().map(std::string::String::as_bytes).collect();
    let most = i64::try_from(max).unwrap_or(i64::MAX);
    let rows = server
        .read(GET_MANY, &[&bucket.as_str(), &names, &most])
        .await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        found.insert(column::<&[u8]>(row, "key")?, row);
    }
    let mut total = ValueBytes::new(max);
    let mut known: HashMap<&[u8], Entry> = HashMap::new();
    let mut entries = Vec::with_capacity(keys.len());
    for key in names {
        let entry = match (known.get(key), found.get(key)) {
            (Some(entry), _) => Some(entry.clone()),
            (None, None) => None,
            (None, Some(row)) => match Found::read(row)? {
                None => None,
                Some(found) => {
                    let bytes = found.bytes;
                    if bytes > max {
                        return Err(Invalid::ValueTooLarge { bytes, max }.into());
                    }
                    if found.value.is_none() {
                        // All of them together are more, so that none was sent.
                        let mut rows = rows.iter().map(|row| column::<i32>(row, "bytes"));
                        let bytes = rows.try_fold(0_usize, |sum, bytes| {
                            Ok::<_, Error>(sum + usize::try_from(bytes?).unwrap_or(0))
                        })?;
                        return Err(Invalid::BatchTooLarge { bytes, max }.into());
                    }
                    let entry = found.entry()?;
                    known.insert(key, entry.clone());
                    Some(entry)
                }
            },
        };
        total.add_entry(entry.as_ref())?;
        entries.push(entry);
    }
    Ok(entries)
}

/// A page of keys, in the order of their bytes. Its cursors are valid within `scope`.
pub(crate) async fn page(
    server: &Server,
    scope: &str,
    bucket: &BucketName,
    request: &List,
) -> Result<Page> {
    let prefix = &*request.prefix;
    let after = match &request.cursor {
        Some(cursor) => position(cursor, scope, prefix)?,
        None => Vec::new(),
    };
    let limit = request.page_keys();
    // One more, to learn whether there are more.
    let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let (name, start, end) = (bucket.as_str(), prefix.as_bytes(), end_of(prefix));
    let rows = match request.values {
        None => {
            server
                .read(LIST, &[&name, &after, &start, &end, &most])
                .await?
        }
        Some(max) => {
            let max = i64::try_from(max).unwrap_or(i64::MAX);
            let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
                [&name, &after, &start, &end, &most, &max];
            server.read(LIST_VALUES, &parameters).await?
        }
    };
    let mut page = Page::default();
    let mut key_bytes = 0;
    for row in &rows {
        let key = std::str::from_utf8(column(row, "key")?);
        let key = key.map_err(|_| corrupt("a key is not UTF-8"))?;
        key_bytes += key.len();
        if let Some(last) = page.keys.last() {
            let is_full = page.keys.len() == limit
                || key_bytes > MAX_PAGE_BYTES
                || request.values.is_some() && column::<Option<&[u8]>>(row, "value")?.is_none();
            if is_full {
                page.cursor = Some(Cursor::seal(scope, prefix, last.as_bytes()));
                break;
            }
        }
        if request.values.is_some() {
            let found = Found::read(row)?.ok_or_else(|| corrupt("a listed key has expired"))?;
            page.entries.push(found.entry()?);
        }
        page.keys.push(key.to_owned());
    }
    Ok(page)
}

/// The buckets that hold a key that has not expired.
pub(crate) async fn buckets(server: &Server) -> Result<Vec<BucketName>> {
    let rows = server.read(BUCKETS, &[]).await?;
    let names = rows.iter().map(|row| column::<&str>(row, "bucket"));
    let mut buckets = Vec::with_capacity(rows.len());
    for name in names {
        // What another program wrote under a name that is none is left out.
        buckets.extend(BucketName::parse(name?));
    }
    Ok(buckets)
}

fn position(cursor: &Cursor, scope: &str, prefix: &str) -> Result<Vec<u8>> {
    let last = cursor.position(scope, prefix)?;
    if last.starts_with(prefix.as_bytes()) {
        Ok(last)
    } else {
        Err(Error::Invalid(Invalid::Cursor))
    }
}

/// The first bytes behind all keys that begin with a prefix. No UTF-8 has the byte 0xff.
fn end_of(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    match end.last_mut() {
        Some(last) => *last += 1,
        None => end.push(0xff),
    }
    end
}

fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> Result<T> {
    row.try_get(name)
        .map_err(|error| Error::Corrupt(Failure::caused_by("a table of the store", error)))
}

fn corrupt(what: &'static str) -> Error {
    Error::Corrupt(Failure::new(what))
}
