use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use keywell_store::{Error, Filter, Result};
use tokio::sync::watch;
use tokio::task::coop;

use super::position::Position;
use super::reached::Reached;
use super::record::Record;
use super::shard::{Shard, closed};
use super::tail::Tail;
use crate::link::Backoff;

/// Reads the events of one shard for one watch, at its own pace: out of memory where it is nearly
/// at the end, and from the server where it is not.
pub(crate) struct Follower {
    shard: Arc<Shard>,
    tail: Arc<Tail>,
    marks: watch::Receiver<Result<Position>>,
    filter: Arc<Filter>,
    /// The last event that was looked at.
    position: Position,
    /// The number of the shard, and where to say how far all that matters of it was delivered.
    at: usize,
    reached: Arc<Reached>,
    /// Read, and not yet looked at.
    ready: VecDeque<Arc<Record>>,
    backoff: Backoff,
}

// === impl Follower ===

impl Follower {
    const FIRST_PAUSE: Duration = Duration::from_millis(20);
    const LONGEST_PAUSE: Duration = Duration::from_secs(1);

    pub(crate) fn new(
        shard: Arc<Shard>,
        tail: Arc<Tail>,
        filter: Arc<Filter>,
        position: Position,
        at: usize,
        reached: Arc<Reached>,
    ) -> Self {
        let marks = tail.marks();
        Self {
            shard,
            tail,
            marks,
            filter,
            position,
            at,
            reached,
            ready: VecDeque::new(),
            backoff: Backoff::new(Self::FIRST_PAUSE, Self::LONGEST_PAUSE),
        }
    }

    /// The next event that the watch is about. How far it has come is up to it then.
    ///
    /// # Errors
    ///
    /// [`Invalid::Compacted`](keywell_store::Invalid::Compacted), and
    /// [`Error::Unavailable`] when the store is closed. While the server cannot be reached, it
    /// waits.
    pub(crate) async fn next(&mut self) -> Result<Arc<Record>> {
        loop {
            while let Some(record) = self.ready.pop_front() {
                self.position = record.position(&self.position);
                if record.is_about(&self.filter) {
                    self.reached.advance(self.at, self.position);
                    return Ok(record);
                }
            }
            self.reached.advance(self.at, self.position);
            // A stream full of what the filter does not let through must not keep the thread.
            coop::consume_budget().await;
            self.read().await?;
        }
    }

    /// Reads on, or waits until that may give something.
    async fn read(&mut self) -> Result<()> {
        // Marked as seen before anything is read, so that no event in between is slept over.
        let mark = self.marks.borrow_and_update().clone();
        self.ready = self.tail.after(&self.position);
        if !self.ready.is_empty() {
            return Ok(());
        }
        if mark? == self.position {
            return self.marks.changed().await.map_err(|_| closed());
        }
        match self.shard.follow(&self.position).await {
            Ok(chunk) => {
                self.backoff.reset();
                self.ready = chunk.records;
                if self.ready.is_empty() {
                    // The tail has not come as far as this watch.
                    self.marks.changed().await.map_err(|_| closed())?;
                }
                Ok(())
            }
            Err(Error::Unavailable(_)) if !self.shard.is_closed() => {
                tokio::select! {
                    changed = self.marks.changed() => changed.map_err(|_| closed()),
                    () = self.backoff.pause() => Ok(()),
                }
            }
            Err(error) => Err(error),
        }
    }
}
