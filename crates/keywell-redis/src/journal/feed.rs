use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use keywell_store::feed::{Chunk, Feed};
use keywell_store::{Error, Filter, Result};
use tokio::sync::watch;

use super::position::Position;
use super::record::Record;
use super::shard::{Shard, closed};
use super::tail::Tail;
use crate::link::Backoff;

/// The events of one shard, as a watch reads them: from memory where it is nearly at the end, and
/// from the server where it is not. While the server is unavailable, it waits.
pub(crate) struct ShardFeed {
    shard: Arc<Shard>,
    tail: Arc<Tail>,
    marks: watch::Receiver<Result<Position>>,
    filter: Arc<Filter>,
    backoff: Backoff,
    /// Whether the server was unavailable at the last read.
    is_unavailable: bool,
}

// === impl ShardFeed ===

impl ShardFeed {
    const FIRST_PAUSE: Duration = Duration::from_millis(20);
    const LONGEST_PAUSE: Duration = Duration::from_secs(1);

    pub(crate) fn new(shard: Arc<Shard>, tail: Arc<Tail>, filter: Arc<Filter>) -> Self {
        let marks = tail.marks();
        Self {
            shard,
            tail,
            marks,
            filter,
            backoff: Backoff::new(Self::FIRST_PAUSE, Self::LONGEST_PAUSE),
            is_unavailable: false,
        }
    }

    /// The events among records that follow a position.
    fn chunk(&self, position: &Position, records: VecDeque<Arc<Record>>) -> Chunk<Position> {
        let mut chunk = Chunk {
            events: VecDeque::new(),
            upto: *position,
        };
        for record in records {
            chunk.upto = record.position(position);
            if record.is_about(&self.filter) {
                chunk.events.push_back((chunk.upto, record.event()));
            }
        }
        chunk
    }
}

impl Feed for ShardFeed {
    type Position = Position;

    async fn after(&mut self, position: &Position) -> Result<Chunk<Position>> {
        self.is_unavailable = false;
        // Marked as seen before anything is read, so that `wait` sleeps over no event in between.
        let mark = self.marks.borrow_and_update().clone();
        let recent = self.tail.after(position);
        if !recent.is_empty() || mark? == *position {
            return Ok(self.chunk(position, recent));
        }
        match self.shard.follow(position).await {
            Ok(chunk) => {
                self.backoff.reset();
                Ok(self.chunk(position, chunk.records))
            }
            Err(Error::Unavailable(_)) if !self.shard.is_closed() => {
                self.is_unavailable = true;
                Ok(self.chunk(position, recent))
            }
            Err(error) => Err(error),
        }
    }

    /// Waits until the tail comes further, which may be behind the watch yet. While the server is
    /// unavailable, it waits no longer than it backs off.
    async fn wait(&mut self, _position: &Position) -> Result<()> {
        if !self.is_unavailable {
            return self.marks.changed().await.map_err(|_| closed());
        }
        tokio::select! {
            changed = self.marks.changed() => changed.map_err(|_| closed()),
            () = self.backoff.pause() => Ok(()),
        }
    }
}
