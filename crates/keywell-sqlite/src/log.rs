//! The tables of changes.

use std::collections::VecDeque;

use bytes::Bytes;
use keywell_store::feed::Chunk;
use keywell_store::{BucketName, Error, Event, Filter, Invalid, Version};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use crate::error::Fault;
use crate::history::History;
use crate::marks::{Extent, Marks};

/// A table of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    /// The history.
    Changes,
    /// The latest changes of reserved buckets.
    Reserved,
}

/// What happened to a key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind<'a> {
    Set(&'a [u8]),
    Deleted,
    Expired,
}

const SET: i64 = 0;
const DELETED: i64 = 1;
const EXPIRED: i64 = 2;

/// How many versions one read covers.
const CHUNK_VERSIONS: i64 = 1024;

/// The most bytes of events that one read returns. It always returns at least one event.
const CHUNK_BYTES: usize = 1024 * 1024;

/// The most old events that one transaction drops in addition to the number it writes.
const TRIM: i64 = 1024;

// === impl Log ===

impl Log {
    /// Where the changes of a bucket are recorded.
    pub(crate) fn of(bucket: &str) -> Self {
        // The same in `schema.sql`.
        if bucket.starts_with("keywell-") {
            Self::Reserved
        } else {
            Self::Changes
        }
    }

    pub(crate) fn append(
        self,
        connection: &Connection,
        sequence: i64,
        bucket: &str,
        key: &str,
        kind: Kind<'_>,
    ) -> Result<(), Fault> {
        let mut insert = connection.prepare_cached(match self {
            Self::Changes => "INSERT INTO changes VALUES (?1, ?2, ?3, ?4, ?5)",
            Self::Reserved => "INSERT INTO reserved_changes VALUES (?1, ?2, ?3, ?4, ?5)",
        })?;
        let (kind, value) = match kind {
            Kind::Set(value) => (SET, Some(value)),
            Kind::Deleted => (DELETED, None),
            Kind::Expired => (EXPIRED, None),
        };
        insert.execute(params![sequence, bucket, key, kind, value])?;
        Ok(())
    }

    /// Drops events past these limits, up to this version, for so many that were written.
    pub(crate) fn trim(
        self,
        connection: &Connection,
        extent: &mut Extent,
        limits: History,
        upto: i64,
        written: i64,
    ) -> Result<(), Fault> {
        if extent.is_within(limits) {
            return Ok(());
        }
        let mut select = connection.prepare_cached(match self {
            Self::Changes => {
                "SELECT sequence, length(CAST(bucket AS BLOB)) + length(CAST(key AS BLOB)) \
                 + ifnull(length(value), 0) FROM changes WHERE sequence <= ?1 \
                 ORDER BY sequence LIMIT ?2"
            }
            Self::Reserved => {
                "SELECT sequence, length(CAST(bucket AS BLOB)) + length(CAST(key AS BLOB)) \
                 + ifnull(length(value), 0) FROM reserved_changes WHERE sequence <= ?1 \
                 ORDER BY sequence LIMIT ?2"
            }
        })?;
        let mut rows = select.query([upto, written + TRIM])?;
        let mut last = None;
        while !extent.is_within(limits)
            && let Some(row) = rows.next()?
        {
            last = Some(row.get(0)?);
            extent.events -= 1;
            extent.bytes -= row.get::<_, i64>(1)?;
        }
        let Some(last) = last else { return Ok(()) };
        let mut delete = connection.prepare_cached(match self {
            Self::Changes => "DELETE FROM changes WHERE sequence <= ?1",
            Self::Reserved => "DELETE FROM reserved_changes WHERE sequence <= ?1",
        })?;
        delete.execute([last])?;
        extent.floor = extent.floor.max(last);
        Ok(())
    }

    fn extent(self, marks: &Marks) -> &Extent {
        match self {
            Self::Changes => &marks.changes,
            Self::Reserved => &marks.reserved,
        }
    }

    pub(crate) fn extent_mut(self, marks: &mut Marks) -> &mut Extent {
        match self {
            Self::Changes => &mut marks.changes,
            Self::Reserved => &mut marks.reserved,
        }
    }

    /// The last version, where a watch begins, or the given one if the watch can resume from it.
    pub(crate) fn begin(self, connection: &Connection, resumed: Option<i64>) -> Result<i64, Fault> {
        let marks = Marks::load(connection)?;
        let Some(resumed) = resumed else {
            return Ok(marks.sequence);
        };
        if resumed > marks.sequence {
            return Err(Error::Invalid(Invalid::Token).into());
        }
        if resumed < self.extent(&marks).floor {
            return Err(Error::Invalid(Invalid::Compacted).into());
        }
        Ok(resumed)
    }

    /// The events of a bucket that match after a version, as many as one read returns.
    pub(crate) fn read(
        self,
        connection: &Connection,
        position: i64,
        bucket: &BucketName,
        filter: &Filter,
    ) -> Result<Chunk<i64>, Fault> {
        let transaction = connection.unchecked_transaction()?;
        let marks = Marks::load(&transaction)?;
        if position < self.extent(&marks).floor {
            return Err(Error::Invalid(Invalid::Compacted).into());
        }
        let end = marks.sequence.min(position.saturating_add(CHUNK_VERSIONS));
        let mut chunk = Chunk {
            events: VecDeque::new(),
            upto: end.max(position),
        };
        let mut select = transaction.prepare_cached(match self {
            Self::Changes => {
                "SELECT sequence, key, kind, value FROM changes \
                 WHERE sequence > ?1 AND sequence <= ?2 AND bucket = ?3 ORDER BY sequence"
            }
            Self::Reserved => {
                "SELECT sequence, key, kind, value FROM reserved_changes \
                 WHERE sequence > ?1 AND sequence <= ?2 AND bucket = ?3 ORDER BY sequence"
            }
        })?;
        let mut rows = select.query(params![position, end, bucket.as_str()])?;
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            let sequence = row.get(0)?;
            let key = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
            if filter.matches(key) {
                let event = event(sequence, key, row)?;
                bytes += key.len() + value_bytes(&event);
                chunk.events.push_back((sequence, event));
            }
            if bytes >= CHUNK_BYTES {
                chunk.upto = sequence;
                break;
            }
        }
        Ok(chunk)
    }
}

/// The event that a watch delivers, without a token.
fn event(sequence: i64, key: &str, row: &Row<'_>) -> Result<Event, Fault> {
    let (key, token) = (key.to_owned(), None);
    match (row.get_ref(2)?, row.get_ref(3)?) {
        (ValueRef::Integer(SET), ValueRef::Blob(value)) => Ok(Event::Set {
            key,
            value: Bytes::copy_from_slice(value),
            version: u64::try_from(sequence).ok().map(Version::from),
            token,
        }),
        (ValueRef::Integer(kind @ (DELETED | EXPIRED)), _) => Ok(Event::Delete {
            key,
            expired: kind == EXPIRED,
            token,
        }),
        _ => Err(Fault::corrupt("an event of the history cannot be read")),
    }
}

fn value_bytes(event: &Event) -> usize {
    match event {
        Event::Set { value, .. } => value.len(),
        _ => 0,
    }
}

// === impl Kind ===

impl Kind<'_> {
    /// What an event counts against the limits.
    pub(crate) fn bytes(self, bucket: &str, key: &str) -> i64 {
        let value = match self {
            Self::Set(value) => value.len(),
            Self::Deleted | Self::Expired => 0,
        };
        i64::try_from(bucket.len() + key.len() + value).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use keywell_store::reserved;

    use super::*;

    #[test]
    fn reserved_buckets_have_a_log_of_their_own() {
        for bucket in reserved::buckets() {
            assert_eq!(Log::of(bucket.as_str()), Log::Reserved);
        }
        for bucket in ["default", "keywell", "my-keywell-triggers"] {
            assert_eq!(Log::of(bucket), Log::Changes);
        }
    }
}
