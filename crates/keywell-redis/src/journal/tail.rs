use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use keywell_store::{Error, Invalid, Result};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::position::Position;
use super::recent::Recent;
use super::record::Record;
use super::shard::{Shard, closed};
use crate::link::{Backoff, Post};

/// Waits at the end of a shard's stream on behalf of all its watches, on a connection of its own,
/// and ends the times that are over.
///
/// The connection and the task that has it live for as long as the tail.
#[derive(Debug)]
pub(crate) struct Tail {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    recent: Mutex<Recent>,
    /// The last event that came, or why no more will.
    mark: watch::Sender<Result<Position>>,
}

/// The task of a tail.
struct Reader {
    shard: Arc<Shard>,
    shared: Arc<Shared>,
    position: Position,
    alarm: Option<Instant>,
}

// === impl Tail ===

impl Tail {
    /// Follows a shard from a place on.
    pub(crate) fn start(shard: Arc<Shard>, position: Position) -> Self {
        let state = Arc::new(Shared {
            recent: Mutex::default(),
            mark: watch::Sender::new(Ok(position)),
        });
        let reader = Reader {
            shard,
            shared: state.clone(),
            position,
            alarm: None,
        };
        Self {
            shared: state,
            task: tokio::spawn(reader.run()),
        }
    }

    /// The last event that came, or why no more will.
    pub(crate) fn marks(&self) -> watch::Receiver<Result<Position>> {
        self.shared.mark.subscribe()
    }

    /// Notifies the watches that nothing more comes.
    pub(crate) fn close(&self) {
        self.shared.end(closed());
        self.task.abort();
    }

    /// The events after a place, some at a time; none if the next one is not in memory.
    pub(crate) fn after(&self, position: &Position) -> VecDeque<Arc<Record>> {
        self.shared.recent.lock().after(position)
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Shared ===

impl Shared {
    fn advance(&self, position: Position) {
        self.mark.send_if_modified(|mark| {
            // What is over stays so.
            let is_open = mark.is_ok();
            if is_open {
                *mark = Ok(position);
            }
            is_open
        });
    }

    fn end(&self, why: Error) {
        let _ = self.mark.send_replace(Err(why));
    }
}

// === impl Reader ===

impl Reader {
    /// How long it waits at most before it makes sure that it waits at the server that is written
    /// to. Nothing else is asked while nothing happens; a connection that is dead is found out by the
    /// system, and another primary by whatever calls the store, or by sentinels.
    const HEARTBEAT: Duration = Duration::from_mins(1);

    const FIRST_PAUSE: Duration = Duration::from_millis(20);
    const LONGEST_PAUSE: Duration = Duration::from_secs(1);

    async fn run(mut self) {
        let _switches = self.shard.switches();
        let mut backoff = Backoff::new(Self::FIRST_PAUSE, Self::LONGEST_PAUSE);
        loop {
            let error = match self.follow(&mut backoff).await {
                Ok(never) => match never {},
                Err(error) => error,
            };
            if self.shard.is_closed() {
                return self.shared.end(closed());
            }
            if !matches!(error, Error::Unavailable(_)) {
                return self.shared.end(error);
            }
            debug!(%error, "a journal is followed on a new connection");
            backoff.pause().await;
        }
    }

    /// Follows on one connection until it fails.
    async fn follow(&mut self, backoff: &mut Backoff) -> Result<std::convert::Infallible> {
        let mut post = self.shard.post().await?;
        self.catch_up().await?;
        loop {
            backoff.reset();
            let alarm = self.alarm;
            let is_woken = self.wait(&mut post).await?;
            let position = self.position;
            self.catch_up().await?;
            let is_alarm = alarm.is_some_and(|alarm| alarm <= Instant::now());
            if !is_woken && !is_alarm && self.position != position {
                // What was written did not wake us: it is not written where we wait.
                let stale = "it waits at a server that is no longer the primary";
                return Err(Error::Unavailable(stale.into()));
            }
        }
    }

    /// Reads until there is nothing more, and ends the times that are over.
    async fn catch_up(&mut self) -> Result<()> {
        loop {
            let asked = Instant::now();
            match self.shard.follow(&self.position).await {
                Ok(chunk) => {
                    self.alarm = chunk.till_next.map(|wait| asked + wait);
                    for record in chunk.records {
                        self.push(record);
                    }
                    if chunk.is_last && self.alarm.is_none_or(|alarm| alarm > Instant::now()) {
                        return Ok(());
                    }
                }
                Err(Error::Invalid(Invalid::Compacted)) => {
                    warn!("a journal was trimmed, or begun anew, faster than it was followed");
                    self.position = self.shard.begin(None).await?;
                    self.shared.recent.lock().clear();
                    self.shared.advance(self.position);
                }
                Err(error) => return Err(error),
            }
            tokio::task::consume_budget().await;
        }
    }

    fn push(&mut self, record: Arc<Record>) {
        let before = self.position;
        self.position = record.position(&before);
        self.shared.recent.lock().push(record, &before);
        self.shared.advance(self.position);
    }

    /// Waits for an event, until a time ends or the connection has to be tried. Whether an event
    /// came.
    async fn wait(&mut self, post: &mut Post) -> Result<bool> {
        let longest = Self::HEARTBEAT;
        let until = self.alarm.map_or(longest, |alarm| {
            alarm.saturating_duration_since(Instant::now()).min(longest)
        });
        let event = self.shard.wait(post, &self.position, until).await?;
        let Some(record) = event else {
            return Ok(false);
        };
        if record.follows(&self.position) {
            self.push(Arc::new(record));
        }
        Ok(true)
    }
}
