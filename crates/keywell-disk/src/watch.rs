use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::stream;
use keywell_store::{
    Answer, BucketName, Cursor, Error, Event, Filter, Invalid, Result, ResumeToken, Since, Watch,
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

/// How many filtered events advance the reported position.
const SKIPPED_EVENTS: u64 = 64;

/// A reader of the history that waits for more events at its end.
struct Follower {
    open: Arc<Open>,
    bucket: BucketName,
    filter: Arc<Filter>,
    scope: Arc<str>,
    progress: watch::Receiver<Option<u64>>,
    /// The last event read.
    position: u64,
    /// Events read and not yet delivered, with their sequence numbers.
    ready: VecDeque<(u64, Event)>,
    /// The sequence number up to which all events are delivered.
    reached: Arc<AtomicU64>,
    is_over: bool,
}

/// The events of one read of the history.
struct Chunk {
    events: VecDeque<(u64, Event)>,
    /// The last event of the read, whether or not the filter matches it.
    position: u64,
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
    let mut follower = Follower {
        open: open.clone(),
        bucket: bucket.clone(),
        filter: Arc::new(filter),
        scope,
        progress: open.core().progress.subscribe(),
        position: 0,
        ready: VecDeque::new(),
        reached: Arc::default(),
        is_over: false,
    };
    open.read(move |reading| begin(reading, resumed))
        .map(move |position| {
            follower.position = position;
            let start = token(position, &follower.scope);
            follower.reached.store(position, Ordering::Relaxed);
            let (reached, scope) = (follower.reached.clone(), follower.scope.clone());
            let reached = move || token(reached.load(Ordering::Relaxed), &scope);
            let events = stream::unfold(follower, |mut follower| async move {
                let event = follower.next().await?;
                Some((event, follower))
            });
            Watch::new(Some(start), events).reaching(reached)
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

// === impl Follower ===

impl Follower {
    async fn next(&mut self) -> Option<Result<Event>> {
        while !self.is_over {
            if let Some((sequence, event)) = self.ready.pop_front() {
                self.reached.store(sequence, Ordering::Relaxed);
                return Some(Ok(event));
            }
            self.skip();
            if let Err(error) = self.advance().await {
                self.is_over = true;
                return Some(Err(error));
            }
        }
        None
    }

    /// Advances the reported position past filtered events, in steps. A caller that stores each
    /// position in the same store would otherwise advance it with every store, for ever.
    fn skip(&self) {
        if self.position - self.reached.load(Ordering::Relaxed) >= SKIPPED_EVENTS {
            self.reached.store(self.position, Ordering::Relaxed);
        }
    }

    /// Reads more events, or waits until there are any.
    async fn advance(&mut self) -> Result<()> {
        // Marked as seen before the history is read, so that a write in between wakes the watch.
        let Some(last) = *self.progress.borrow_and_update() else {
            return Err(closed());
        };
        if last <= self.position {
            return self.progress.changed().await.map_err(|_| closed());
        }
        let chunk = self.read().await?;
        self.position = chunk.position;
        self.ready = chunk.events;
        if self.ready.is_empty() {
            // Many events of other buckets must not block the thread.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn read(&self) -> Answer<Chunk> {
        // The directory has the number of a bucket before its first event is published.
        let bucket = self.open.core().directory.find(&self.bucket);
        let filter = self.filter.clone();
        let scope = self.scope.clone();
        let position = self.position;
        self.open
            .read(move |reading| Chunk::read(reading, position, bucket, &filter, &scope))
    }
}

// === impl Chunk ===

impl Chunk {
    fn read(
        reading: &ReadTransaction,
        mut position: u64,
        bucket: Option<u32>,
        filter: &Filter,
        scope: &str,
    ) -> Result<Self, Fault> {
        let compacted = || Fault::Answer(Error::Invalid(Invalid::Compacted));
        let changes = reading.open_table(CHANGES)?;
        let mut events = VecDeque::new();
        let mut bytes = 0;
        for row in changes.range(position + 1..)?.take(CHUNK_EVENTS) {
            let (sequence, stored) = row?;
            if sequence.value() != position + 1 {
                return Err(compacted());
            }
            position += 1;
            let record = Record::read(stored.value())?;
            if Some(record.bucket) == bucket && filter.matches(record.key) {
                events.push_back((
                    position,
                    record.event(position, Some(token(position, scope))),
                ));
            }
            bytes += stored.value().len();
            if bytes >= CHUNK_BYTES {
                break;
            }
        }
        if bytes == 0 && position < last(reading)? {
            return Err(compacted());
        }
        Ok(Self { events, position })
    }
}
