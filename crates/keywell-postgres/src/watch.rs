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
use crate::position::{Position, Snapshot};

/// How long a watch waits at most before it looks by itself: notifications may be lost.
const LOOK: Duration = Duration::from_secs(1);

/// How many transactions of others advance the position of a watch; less than what is kept, since a
/// watch that misses nothing must not be behind what is removed.
const STEP: i64 = 64;

/// The most events that one read returns.
const CHUNK_EVENTS: i64 = 2048;

/// The most bytes of keys and values that one read returns. It always returns at least one event.
const CHUNK_BYTES: i64 = 1 << 20;

const NOW: &str = "SELECT current_setting('keywell.' || current_schema())::bigint, \
     pg_current_snapshot()::text";

/// The changes of a bucket that became visible from one snapshot to another, or to now, behind a
/// version. Each row has the present snapshot, whether the first one is later than that, whether
/// changes behind it are removed, and how many changes there are with those that this read leaves.
const READ: &str = "WITH unseen AS MATERIALIZED ( \
         SELECT version, key, kind, value FROM ( \
             SELECT epoch, xid, version, key, kind, value FROM changes \
             WHERE bucket = $4 AND (epoch, xid) >= ($1, pg_snapshot_xmax($2::text::pg_snapshot)) \
             UNION ALL \
             SELECT found.* FROM pg_snapshot_xip($2::text::pg_snapshot) AS open(xid) \
             CROSS JOIN LATERAL ( \
                 SELECT epoch, xid, version, key, kind, value FROM changes \
                 WHERE bucket = $4 AND epoch = $1 AND xid = open.xid OFFSET 0 \
             ) AS found \
         ) AS behind \
         WHERE version > $7 AND ($5::bigint IS NULL OR epoch < $5 \
             OR epoch = $5 AND pg_visible_in_snapshot(xid, $6::text::pg_snapshot)) \
     ), chunk AS ( \
         SELECT version, key, kind, value FROM ( \
             SELECT version, key, kind, value, \
                 sum(octet_length(key) + coalesce(octet_length(value), 0)) OVER (ORDER BY version \
                     ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before \
             FROM (SELECT * FROM unseen ORDER BY version LIMIT $8) AS next \
         ) AS summed WHERE coalesce(before, 0) < $9 \
     ) \
     SELECT now.epoch, now.snapshot::text, \
         ($1, pg_snapshot_xmax($2::text::pg_snapshot)) > (now.epoch, pg_snapshot_xmax(now.snapshot)), \
         (SELECT (floors.epoch, floors.xid) >= ($1, pg_snapshot_xmin($2::text::pg_snapshot)) \
             FROM floors WHERE reserved = $3), \
         (SELECT count(*) FROM unseen), version, key, kind, value \
     FROM (SELECT current_setting('keywell.' || current_schema())::bigint AS epoch, \
         pg_current_snapshot() AS snapshot) AS now \
     LEFT JOIN chunk ON true ORDER BY version";

/// The changes of one bucket, as a watch reads them.
struct ChangeFeed {
    open: Arc<Open>,
    /// Ends with the watches of the store.
    _listener: Arc<Listener>,
    bucket: BucketName,
    filter: Filter,
    /// See [`STEP`].
    step: u64,
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
        step: u64::try_from((open.server.kept(bucket) / 2).clamp(1, STEP)).unwrap_or(1),
        progress: open.server.progress(),
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
        if let Some(position) = resumed {
            self.read(&position, 0).await?;
            return Ok(position);
        }
        let rows = self.open.server.follow(NOW, &[]).await?;
        let row = first(&rows)?;
        Ok(Position::at(Snapshot {
            epoch: column(row, 0)?,
            text: column(row, 1)?,
        }))
    }

    async fn read(&self, position: &Position, most: i64) -> Result<Chunk<Position>> {
        let to = position.to.as_ref();
        let rows = self
            .open
            .server
            .follow(
                READ,
                &[
                    &position.from.epoch,
                    &position.from.text,
                    &log::is_reserved(&self.bucket),
                    &self.bucket.as_str(),
                    &to.map(|to| to.epoch),
                    &to.map(|to| &*to.text),
                    &position.offset,
                    &most,
                    &CHUNK_BYTES,
                ],
            )
            .await?;
        let row = first(&rows)?;
        let now = Snapshot {
            epoch: column(row, 0)?,
            text: column(row, 1)?,
        };
        // Such as after a restored backup.
        let is_ahead: bool = column(row, 2)?;
        if is_ahead {
            return Err(Error::Invalid(Invalid::Token));
        }
        if column(row, 3)? {
            return Err(Error::Invalid(Invalid::Compacted));
        }
        let unseen: i64 = column(row, 4)?;
        let to = position.to.clone().unwrap_or(now);
        let mut events = VecDeque::new();
        let (mut read, mut last) = (0, 0);
        for row in &rows {
            let Some(version) = column::<Option<i64>>(row, 5)? else {
                // There are no changes.
                continue;
            };
            (read, last) = (read + 1, version);
            let event = event(row, version)?;
            if event.key().is_some_and(|key| self.filter.matches(key)) {
                events.push_back((position.within(&to, version), event));
            }
        }
        let upto = if read < unseen {
            position.within(&to, last)
        } else {
            Position::at(to)
        };
        // Not with each transaction of others, which would keep the watch busy.
        if read == 0 && position.to.is_none() && !position.is_behind(&upto, self.step) {
            let upto = position.clone();
            return Ok(Chunk { events, upto });
        }
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
        match self.read(position, CHUNK_EVENTS).await {
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
        reached.is_behind(upto, self.step)
    }
}

fn event(row: &Row, version: i64) -> Result<Event> {
    let key: &[u8] = column(row, 6)?;
    let key = std::str::from_utf8(key);
    let key = key.map_err(|_| corrupt("a key is not UTF-8"))?.to_owned();
    let token = None;
    Ok(match column::<i16>(row, 7)? {
        0 => Event::Set {
            key,
            value: Bytes::copy_from_slice(column(row, 8)?),
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
