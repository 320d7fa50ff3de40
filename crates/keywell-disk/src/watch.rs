use std::collections::VecDeque;
use std::sync::Arc;

use keywell_store::feed::{self, Chunk, Feed};
use keywell_store::{
    Answer, BucketName, Cursor, Error, Filter, Invalid, Result, ResumeToken, Since, Watch,
};
use redb::{ReadTransaction, ReadableTable};
use tokio::sync::watch;

use crate::error::Fault;
use crate::open::Open;
use crate::queue::closed;
use crate::record::Record;
use crate::tables::{CHANGES, META, META_SEQUENCE};

/// The most events of the history that one read returns.
const CHUNK_EVENTS: usize = 512;

/// The most bytes of events that one read returns. It always returns at least one event.
const CHUNK_BYTES: usize = 1024 * 1024;

/// How many events that a watch excludes advance its reported position.
const SKIPPED_EVENTS: u64 = 64;

/// The history, as a watch of one bucket reads it. A position is a sequence number.
struct HistoryFeed {
    open: Arc<Open>,
    bucket: BucketName,
    filter: Arc<Filter>,
    progress: watch::Receiver<Option<u64>>,
}

/// Opens a watch. It has no task, and reads when it is polled.
pub(crate) fn open(
    open: &Arc<Open>,
    bucket: &BucketName,
    filter: Filter,
    since: &Since,
) -> Answer<Watch> {
    let scope: Arc<str> = format!("disk-watch/{:016x}/{bucket}", open.core().store).into();
    let resumed = match since {
        Since::Now => None,
        Since::After(token) => match position(token, &scope) {
            Ok(position) => Some(position),
            Err(error) => return error.into(),
        },
    };
    let feed = HistoryFeed {
        open: open.clone(),
        bucket: bucket.clone(),
        filter: Arc::new(filter),
        progress: open.core().progress.subscribe(),
    };
    open.read(move |snapshot| begin(&snapshot.reading, resumed))
        .map(move |position| {
            feed::follow([(feed, position)], move |positions| {
                token(positions[0], &scope)
            })
        })
}

/// The position at which a watch begins.
fn begin(reading: &ReadTransaction, resumed: Option<u64>) -> Result<u64, Fault> {
    let last = last(reading)?;
    let Some(resumed) = resumed else {
        return Ok(last);
    };
    if resumed > last {
        return Err(Error::Invalid(Invalid::Token).into());
    }
    let changes = reading.open_table(CHANGES)?;
    let oldest = changes.first()?;
    let oldest = oldest.map_or(last + 1, |(sequence, _)| sequence.value());
    if resumed + 1 < oldest {
        return Err(Error::Invalid(Invalid::Compacted).into());
    }
    Ok(resumed)
}

fn last(reading: &ReadTransaction) -> Result<u64, Fault> {
    let last = reading.open_table(META)?.get(META_SEQUENCE)?;
    last.map(|last| last.value())
        .ok_or_else(|| Fault::corrupt("the sequence number is missing"))
}

// A token is sealed like a cursor: both are a position with a checksum over their scope.
fn token(position: u64, scope: &str) -> ResumeToken {
    let sealed = Cursor::seal(scope, "", &position.to_be_bytes());
    ResumeToken::from(String::from(sealed))
}

fn position(token: &ResumeToken, scope: &str) -> Result<u64> {
    Cursor::from(token.as_str().to_owned())
        .position(scope, "")
        .ok()
        .and_then(|position| Some(u64::from_be_bytes(position.try_into().ok()?)))
        .ok_or(Error::Invalid(Invalid::Token))
}

// === impl HistoryFeed ===

impl Feed for HistoryFeed {
    type Position = u64;

    async fn after(&mut self, position: &u64) -> Result<Chunk<u64>> {
        let position = *position;
        let last = self.progress.borrow().ok_or_else(closed)?;
        if last <= position {
            let events = VecDeque::new();
            return Ok(Chunk {
                events,
                upto: position,
            });
        }
        // The directory has the number of a bucket before its first event is published.
        let bucket = self.open.core().directory.find(&self.bucket);
        let filter = self.filter.clone();
        self.open
            .read(move |snapshot| read(&snapshot.reading, position, bucket, &filter))
            .await
    }

    async fn wait(&mut self, position: &u64) -> Result<()> {
        let is_more = |last: &Option<u64>| last.is_none_or(|last| last > *position);
        let last = self.progress.wait_for(is_more).await;
        last.map(drop).map_err(|_| closed())
    }

    /// In steps: a caller that stores each position in the same store would otherwise advance it with
    /// every store, for ever.
    fn skips(&self, reached: &u64, upto: &u64) -> bool {
        upto - reached >= SKIPPED_EVENTS
    }
}

/// The events after a position, as many as one read returns.
fn read(
    reading: &ReadTransaction,
    position: u64,
    bucket: Option<u32>,
    filter: &Filter,
) -> Result<Chunk<u64>, Fault> {
    let compacted = || Fault::Answer(Error::Invalid(Invalid::Compacted));
    let changes = reading.open_table(CHANGES)?;
    let mut chunk = Chunk {
        events: VecDeque::new(),
        upto: position,
    };
    let mut bytes = 0;
    for row in changes.range(position + 1..)?.take(CHUNK_EVENTS) {
        let (sequence, stored) = row?;
        chunk.upto += 1;
        if sequence.value() != chunk.upto {
            return Err(compacted());
        }
        let record = Record::read(stored.value())?;
        if Some(record.bucket) == bucket && filter.matches(record.key) {
            let event = record.event(chunk.upto);
            chunk.events.push_back((chunk.upto, event));
        }
        bytes += stored.value().len();
        if bytes >= CHUNK_BYTES {
            break;
        }
    }
    if chunk.upto == position && position < last(reading)? {
        return Err(compacted());
    }
    Ok(chunk)
}
