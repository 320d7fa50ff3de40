use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keywell_client::Backoff;
use keywell_store::feed::{self, Chunk, Feed};
use keywell_store::{
    Answer, BucketName, Error, Event, Failure, Filter, Invalid, Result, Since, Version, Watch,
};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_postgres::Row;

use crate::listener::Listener;
use crate::log;
use crate::open::Open;
use crate::pool::closed;
use crate::position::Position;

/// How long a watch waits at most before it looks by itself: notifications may be lost.
const LOOK: Duration = Duration::from_secs(1);

/// How many transactions of others advance the position of a watch.
const SKIPPED_TRANSACTIONS: u64 = 64;

/// The most events that one read returns.
const CHUNK_EVENTS: i64 = 512;

/// The most bytes of values that one read returns. It always returns at least one event.
const CHUNK_BYTES: i64 = 1 << 20;

const NOW: &str = "SELECT pg_current_snapshot()::text";

/// Whether a position is of the future of this database, and whether changes behind it are removed.
const BEGIN: &str = "SELECT \
     pg_snapshot_xmax($1::text::pg_snapshot) > pg_snapshot_xmax(pg_current_snapshot()), \
     (SELECT xid >= pg_snapshot_xmin($1::text::pg_snapshot) FROM floors WHERE reserved = $2)";

/// The changes of a bucket that became visible from one snapshot to another, or to now, behind a
/// version. The first row has the present snapshot, and whether changes are removed that may be
/// missing.
const READ: &str = "SELECT pg_current_snapshot()::text AS snapshot, \
     (SELECT xid >= pg_snapshot_xmin($1::text::pg_snapshot) FROM floors WHERE reserved = $2) AS is_compacted, \
     version, key, kind, value \
     FROM (SELECT 1) AS one LEFT JOIN ( \
         SELECT version, key, kind, value FROM ( \
             SELECT version, key, kind, value, \
                 sum(coalesce(octet_length(value), 0)) OVER (ORDER BY version) \
                     - coalesce(octet_length(value), 0) AS before \
             FROM ( \
                 SELECT version, key, kind, value FROM changes \
                 WHERE bucket = $3 AND reserved = $2 \
                     AND xid >= pg_snapshot_xmin($1::text::pg_snapshot) \
                     AND NOT pg_visible_in_snapshot(xid, $1::text::pg_snapshot) \
                     AND ($4::text IS NULL OR pg_visible_in_snapshot(xid, $4::text::pg_snapshot)) \
                     AND version > $5 \
                 ORDER BY version LIMIT $6 \
             ) AS next \
         ) AS summed WHERE before < $7 \
     ) AS changes ON true ORDER BY version";

/// The changes of one bucket, as a watch reads them.
struct ChangeFeed {
    open: Arc<Open>,
    /// Ends with the watches of the store.
    _listener: Arc<Listener>,
    bucket: BucketName,
    filter: Filter,
    progress: watch::Receiver<Option<u64>>,
    backoff: Backoff,
    /// Whether the last read failed, so that the next wait is for time to pass.
    has_failed: bool,
}

/// Opens a watch.
pub(crate) fn open(
    open: &Arc<Open>,
    bucket: &BucketName,
    filter: Filter,
    since: &Since,
) -> Answer<Watch> {
    let scope: Arc<str> = format!("postgres-watch/{:016x}/{bucket}", open.server.store).into();
    let resumed = match since {
        Since::Now => None,
        Since::After(token) => match Position::parse(token, &scope) {
            Ok(position) => Some(position),
            Err(error) => return error.into(),
        },
    };
    let feed = ChangeFeed {
        open: open.clone(),
        _listener: open.listener(),
        bucket: bucket.clone(),
        filter,
        progress: open.server.follow(),
        backoff: Backoff::new(Duration::from_millis(50), Duration::from_secs(2)),
        has_failed: false,
    };
    Answer::later(async move {
        let position = feed.begin(resumed).await?;
        Ok(feed::follow([(feed, position)], move |positions| {
            positions[0].token(&scope)
        }))
    })
}

// === impl ChangeFeed ===

impl ChangeFeed {
    async fn begin(&self, resumed: Option<Position>) -> Result<Position> {
        let Some(position) = resumed else {
            let rows = self.open.server.read(NOW, &[]).await?;
            return Ok(Position::at(column(first(&rows)?, 0)?));
        };
        let is_reserved = log::is_reserved(&self.bucket);
        let rows = self
            .open
            .server
            .read(BEGIN, &[&position.from, &is_reserved])
            .await?;
        let row = first(&rows)?;
        if column(row, 0)? {
            return Err(Error::Invalid(Invalid::Token));
        }
        if column(row, 1)? {
            return Err(Error::Invalid(Invalid::Compacted));
        }
        Ok(position)
    }

    async fn read(&self, position: &Position) -> Result<Chunk<Position>> {
        let rows = self
            .open
            .server
            .read(
                READ,
                &[
                    &position.from,
                    &log::is_reserved(&self.bucket),
                    &self.bucket.as_str(),
                    &position.to,
                    &position.offset,
                    &CHUNK_EVENTS,
                    &CHUNK_BYTES,
                ],
            )
            .await?;
        let row = first(&rows)?;
        let snapshot: String = column(row, 0)?;
        if column(row, 1)? {
            return Err(Error::Invalid(Invalid::Compacted));
        }
        let to = position.to.clone().unwrap_or(snapshot);
        let mut events = VecDeque::new();
        let mut last = None;
        for row in &rows {
            let Some(version) = column::<Option<i64>>(row, 2)? else {
                // There are no changes.
                continue;
            };
            last = Some(version);
            let event = event(row, version)?;
            if event.key().is_some_and(|key| self.filter.matches(key)) {
                events.push_back((position.within(&to, version), event));
            }
        }
        let upto = match last {
            Some(last) => position.within(&to, last),
            None if position.to.is_some() => Position::at(to),
            // Not with each transaction of others, which would keep the watch busy.
            None => {
                let now = Position::at(to);
                if now.end().saturating_sub(position.end()) >= SKIPPED_TRANSACTIONS {
                    now
                } else {
                    position.clone()
                }
            }
        };
        Ok(Chunk { events, upto })
    }
}

impl Feed for ChangeFeed {
    type Position = Position;

    /// A server that cannot be reached delays the watch, and does not end it.
    async fn after(&mut self, position: &Position) -> Result<Chunk<Position>> {
        // Marked as seen before it reads, so that the wait misses nothing.
        if self.progress.borrow_and_update().is_none() {
            return Err(closed());
        }
        match self.read(position).await {
            Ok(chunk) => {
                self.backoff.reset();
                Ok(chunk)
            }
            Err(Error::Unavailable(failure)) => {
                tracing::debug!(%failure, "a watch of PostgreSQL waits for the server");
                self.has_failed = true;
                Ok(Chunk {
                    events: VecDeque::new(),
                    upto: position.clone(),
                })
            }
            Err(error) => Err(error),
        }
    }

    async fn wait(&mut self, _: &Position) -> Result<()> {
        if std::mem::take(&mut self.has_failed) {
            self.backoff.pause().await;
            return Ok(());
        }
        match timeout(LOOK, self.progress.changed()).await {
            Ok(changed) => changed.map_err(|_| closed()),
            Err(_) => Ok(()),
        }
    }

    /// In steps: a caller that stores each position in the same database would otherwise advance it
    /// with every store, for ever.
    fn skips(&self, reached: &Position, upto: &Position) -> bool {
        upto.end().saturating_sub(reached.end()) >= SKIPPED_TRANSACTIONS
    }
}

fn event(row: &Row, version: i64) -> Result<Event> {
    let key: &[u8] = column(row, 3)?;
    let key = std::str::from_utf8(key);
    let key = key.map_err(|_| corrupt("a key is not UTF-8"))?.to_owned();
    let token = None;
    Ok(match column::<i16>(row, 4)? {
        0 => Event::Set {
            key,
            value: Bytes::copy_from_slice(column(row, 5)?),
            version: u64::try_from(version).ok().map(Version::from),
            token,
        },
        kind @ (1 | 2) => Event::Delete {
            key,
            expired: kind == 2,
            token,
        },
        _ => return Err(corrupt("a change is of no known kind")),
    })
}

fn first(rows: &[Row]) -> Result<&Row> {
    rows.first().ok_or_else(|| corrupt("a row is missing"))
}

fn column<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, at: usize) -> Result<T> {
    row.try_get(at)
        .map_err(|error| Error::Corrupt(Failure::caused_by("a table of the store", error)))
}

fn corrupt(what: &'static str) -> Error {
    Error::Corrupt(Failure::new(what))
}
