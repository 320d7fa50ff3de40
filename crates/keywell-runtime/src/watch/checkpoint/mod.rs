//! The positions of a trigger: up to where the events of each partition are finished, and what is
//! stored of that.
//!
//! - A position never passes an event that is not finished, so a process that continues from what
//!   is stored misses none.
//! - A process that lost a partition writes no position of it: writes are compare-and-swap over
//!   this process's own latest one.
//! - What is finished is stored at once while nothing is under way, and every 50 ms under load.
//!   After a `kill -9`, what was delivered since is delivered again.
//! - Once a minute ([`WatchOptions::checkpoint`]) a position moves past changes that the trigger
//!   does not subscribe to, before the history has left it behind.

pub(crate) mod positions;
pub(crate) mod progress;
pub(crate) mod storage;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use keywell_store::{BoxFuture, ResumeToken, Version};

use crate::watch::checkpoint::positions::{Lost, Position, Positions};
use crate::watch::checkpoint::progress::{Progress, Ticket};
use crate::watch::options::{Backoff, WatchOptions};

/// The partitions that a process has, and how far it is in each.
pub(crate) struct Checkpoint {
    /// Where positions are stored, if events can be read again from them.
    positions: Option<Positions>,
    /// The position of partitions that no process had before.
    start: Option<ResumeToken>,
    trigger: Arc<str>,
    backoff: Backoff,
    interval: Duration,
    partitions: HashMap<u8, Progress>,
    /// The number of the latest holding.
    epoch: u64,
    /// Partitions whose positions are being read, each with its epoch.
    acquiring: HashMap<u8, u64>,
    acquisitions: FuturesUnordered<BoxFuture<Acquired>>,
    flush: Option<BoxFuture<Vec<Flushed>>>,
    /// Not before then.
    flush_after: Instant,
    failures: u32,
    /// Whether events were finished since positions were last stored.
    has_news: bool,
    advance_at: Instant,
}

/// What a request of a [`Checkpoint`] came to.
pub(crate) enum Done {
    Acquired(Acquired),
    Flushed(Vec<Flushed>),
}

/// The positions of partitions that were acquired.
pub(crate) struct Acquired {
    epoch: u64,
    positions: Vec<(u8, keywell_store::Result<Position>)>,
}

/// How storing a position ended.
pub(crate) struct Flushed {
    partition: u8,
    epoch: u64,
    token: ResumeToken,
    ended: keywell_store::Result<Result<Option<Version>, Lost>>,
}

/// From where to read the events of a partition.
pub(crate) struct Begun {
    pub(crate) partition: u8,
    pub(crate) token: Option<ResumeToken>,
    /// Whether events were missed before it.
    pub(crate) is_gap: bool,
}

// === impl Checkpoint ===

impl Checkpoint {
    /// How often positions are stored while events come without a pause. Otherwise they are stored
    /// at once.
    const FLUSH_EVERY: Duration = Duration::from_millis(50);
    /// How often they are stored when all that moved is what the trigger does not subscribe to.
    const FLUSH_IDLE_EVERY: Duration = Duration::from_secs(1);

    pub(crate) fn new(
        positions: Option<Positions>,
        start: Option<ResumeToken>,
        trigger: Arc<str>,
        options: &WatchOptions,
    ) -> Self {
        let (now, interval) = (Instant::now(), options.checkpoint);
        Self {
            positions,
            start,
            trigger,
            backoff: options.backoff,
            interval,
            partitions: HashMap::new(),
            epoch: 0,
            acquiring: HashMap::new(),
            acquisitions: FuturesUnordered::new(),
            flush: None,
            flush_after: now,
            failures: 0,
            has_news: false,
            advance_at: now + interval,
        }
    }

    /// Whether events can be read again from a stored position.
    pub(crate) fn is_resumable(&self) -> bool {
        self.positions.is_some()
    }

    /// Holds a partition, from a stored position on.
    pub(crate) fn hold(
        &mut self,
        partition: u8,
        stored: Option<ResumeToken>,
        version: Option<Version>,
    ) {
        self.epoch += 1;
        let progress = Progress::new(partition, self.epoch, stored, version);
        self.partitions.insert(partition, progress);
    }

    /// Holds a partition whose events cannot be read again. One that is still draining resumes.
    pub(crate) fn hold_or_resume(&mut self, partition: u8) {
        match self.partitions.get_mut(&partition) {
            Some(progress) => progress.resume(),
            None => self.hold(partition, None, None),
        }
    }

    /// Forgets a partition that another process has. Returns whether it was held.
    pub(crate) fn lose(&mut self, partition: u8) -> bool {
        self.acquiring.remove(&partition);
        self.partitions.remove(&partition).is_some()
    }

    /// Takes no more events of a partition.
    pub(crate) fn drain(&mut self, partition: u8) {
        if let Some(progress) = self.partitions.get_mut(&partition) {
            progress.drain();
        }
    }

    /// Every partition that is held, also while it drains.
    pub(crate) fn held(&self) -> BTreeSet<u8> {
        self.partitions.keys().copied().collect()
    }

    /// Partitions whose events are taken.
    pub(crate) fn taking(&self) -> Vec<u8> {
        let taking = self.partitions.values();
        let taking = taking.filter(|progress| !progress.is_draining());
        taking.map(Progress::partition).collect()
    }

    /// Partitions that drain, and have nothing under way.
    pub(crate) fn idle_draining(&self) -> BTreeSet<u8> {
        let idle = self.partitions.values();
        let idle = idle.filter(|progress| progress.is_draining() && progress.is_idle());
        idle.map(Progress::partition).collect()
    }

    /// Those of them whose positions are stored.
    pub(crate) fn drained(&self) -> BTreeSet<u8> {
        let mut drained = self.idle_draining();
        drained.retain(|partition| self.partitions[partition].unstored().is_none());
        drained
    }

    /// The epochs of partitions, for [`Self::still_taking`].
    pub(crate) fn epochs(&self, partitions: &[u8]) -> Vec<(u8, u64)> {
        let held = partitions
            .iter()
            .filter_map(|partition| self.partitions.get(partition));
        held.map(|held| (held.partition(), held.epoch())).collect()
    }

    /// The partitions whose events are taken since that epoch.
    pub(crate) fn still_taking(&self, epochs: &[(u8, u64)]) -> Vec<u8> {
        let is_held = |(partition, epoch): &&(u8, u64)| {
            let held = self.partitions.get(partition);
            held.is_some_and(|held| held.epoch() == *epoch && !held.is_draining())
        };
        let held = epochs.iter().filter(is_held);
        held.map(|(partition, _)| *partition).collect()
    }

    /// Takes an event of the watch: the position waits for it.
    pub(crate) fn begin(&mut self, partition: u8, token: Option<&ResumeToken>) -> Option<Ticket> {
        let progress = self.partitions.get_mut(&partition)?;
        Some(progress.begin(token))
    }

    /// Takes an event that did not come from the watch, unless the partition drains.
    pub(crate) fn begin_beside(&mut self, partition: u8) -> Option<Ticket> {
        let progress = self.partitions.get_mut(&partition)?;
        (!progress.is_draining()).then(|| progress.begin_beside())
    }

    /// The watch has reached a token without an event for the trigger.
    pub(crate) fn pass(&mut self, partition: u8, token: Option<&ResumeToken>) {
        if let Some(progress) = self.partitions.get_mut(&partition) {
            progress.pass(token);
        }
    }

    /// An event is finished, or will come again.
    pub(crate) fn end(&mut self, ticket: Ticket) {
        if let Some(progress) = self.partitions.get_mut(&ticket.partition) {
            progress.end(ticket);
        }
    }

    /// An event is finished.
    pub(crate) fn finish(&mut self, ticket: Ticket) {
        self.end(ticket);
        self.has_news = true;
    }

    /// Whether the partition of an event is held since it was taken.
    pub(crate) fn holds(&self, ticket: Ticket) -> bool {
        let held = self.partitions.get(&ticket.partition);
        held.is_some_and(|held| held.epoch() == ticket.epoch)
    }

    /// Reads the positions of partitions that were acquired, and makes them this process's.
    pub(crate) fn acquire(&mut self, partitions: BTreeSet<u8>) {
        let Some(positions) = self.positions.clone() else {
            return;
        };
        self.epoch += 1;
        let epoch = self.epoch;
        for partition in &partitions {
            self.acquiring.insert(*partition, epoch);
        }
        let start = self.start.clone();
        self.acquisitions.push(Box::pin(async move {
            let taken = partitions.into_iter().map(|partition| {
                let (positions, start) = (&positions, &start);
                async move {
                    let taken = positions.take(partition, start.as_ref()).await;
                    (partition, taken)
                }
            });
            let positions = futures::future::join_all(taken).await;
            Acquired { epoch, positions }
        }));
    }

    /// Holds partitions whose positions were read, unless they were lost meanwhile. Returns from where
    /// to read their events, and those whose positions cannot be read.
    pub(crate) fn acquired(&mut self, acquired: Acquired) -> (Vec<Begun>, BTreeSet<u8>) {
        let (mut begun, mut dropped) = (Vec::new(), BTreeSet::new());
        for (partition, position) in acquired.positions {
            if self.acquiring.get(&partition) != Some(&acquired.epoch) {
                continue;
            }
            self.acquiring.remove(&partition);
            match position {
                Ok(position) => {
                    self.hold(partition, position.token.clone(), position.version);
                    begun.push(Begun {
                        partition,
                        is_gap: position.token.is_none() && position.is_known,
                        token: position.token,
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, partition, "cannot read the position of a partition; trying again");
                    dropped.insert(partition);
                }
            }
        }
        (begun, dropped)
    }

    /// Waits for the end of a request. Nothing is lost if it is cancelled.
    pub(crate) async fn done(&mut self) -> Done {
        tokio::select! {
            biased;
            flushed = pending_or(&mut self.flush) => {
                self.flush = None;
                Done::Flushed(flushed)
            }
            Some(acquired) = self.acquisitions.next() => Done::Acquired(acquired),
            else => std::future::pending().await,
        }
    }

    /// When there is something to do though nothing happens.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.positions.as_ref()?;
        let can_flush = self.flush.is_none()
            && self
                .partitions
                .values()
                .any(|progress| progress.unstored().is_some());
        let flush = can_flush.then(|| self.flush_due());
        Some(flush.map_or(self.advance_at, |at| at.min(self.advance_at)))
    }

    fn flush_due(&self) -> Instant {
        let pause = if self.has_news {
            Duration::ZERO
        } else {
            Self::FLUSH_IDLE_EVERY
        };
        self.flush_after + pause
    }

    /// Whether positions should move past what the trigger does not subscribe to, before the history
    /// has left them behind; at most once an interval.
    pub(crate) fn take_advance(&mut self, now: Instant) -> bool {
        let is_due = self.is_resumable() && now >= self.advance_at;
        if is_due {
            self.advance_at = now + self.interval;
        }
        is_due
    }

    /// Stores positions when it is time, or at once where no event is under way.
    pub(crate) fn flush(&mut self, now: Instant, is_idle: bool) {
        let Some(positions) = &self.positions else {
            return;
        };
        let is_idle = is_idle && self.has_news && self.failures == 0;
        if self.flush.is_some() || !(is_idle || now >= self.flush_due()) {
            return;
        }
        let unstored: Vec<_> = self
            .partitions
            .values()
            .filter_map(|progress| {
                let token = progress.unstored()?.clone();
                let version = progress.version().cloned();
                Some((progress.partition(), progress.epoch(), token, version))
            })
            .collect();
        self.has_news = false;
        if unstored.is_empty() {
            return;
        }
        self.flush_after = now + Self::FLUSH_EVERY;
        let positions = positions.clone();
        self.flush = Some(Box::pin(async move {
            let stores = unstored
                .into_iter()
                .map(|(partition, epoch, token, version)| {
                    let positions = positions.clone();
                    async move {
                        let ended = positions.store(partition, &token, version).await;
                        Flushed {
                            partition,
                            epoch,
                            token,
                            ended,
                        }
                    }
                });
            futures::future::join_all(stores).await
        }));
    }

    /// Takes note of stored positions. Returns the partitions that another process has taken over.
    pub(crate) fn flushed(&mut self, flushed: Vec<Flushed>) -> BTreeSet<u8> {
        let (mut lost, mut failed) = (BTreeSet::new(), None);
        for stored in flushed {
            let progress = self.partitions.get_mut(&stored.partition);
            let Some(progress) = progress.filter(|held| held.epoch() == stored.epoch) else {
                continue;
            };
            match stored.ended {
                Ok(Ok(version)) => progress.stored(stored.token, version),
                Ok(Err(Lost)) => {
                    let (trigger, partition) = (&*self.trigger, stored.partition);
                    tracing::warn!(
                        trigger,
                        partition,
                        "another process has taken over a partition"
                    );
                    lost.insert(partition);
                }
                Err(error) => failed = Some(error),
            }
        }
        let Some(error) = failed else {
            self.failures = 0;
            return lost;
        };
        self.has_news = true;
        self.failures = self.failures.saturating_add(1);
        let pause = self.backoff.after(self.failures);
        self.flush_after = Instant::now() + pause;
        tracing::warn!(trigger = &*self.trigger, %error, ?pause, "the position cannot be stored; trying again");
        lost
    }

    /// Stores the last positions, at the end.
    pub(crate) async fn close(&mut self) {
        if let Some(flush) = self.flush.take() {
            let flushed = flush.await;
            self.flushed(flushed);
        }
        self.failures = 0;
        self.has_news = true;
        self.flush_after = Instant::now();
        self.flush(Instant::now(), true);
        if let Some(flush) = self.flush.take() {
            let flushed = flush.await;
            self.flushed(flushed);
        }
    }
}

async fn pending_or<T>(under_way: &mut Option<impl Future<Output = T> + Unpin>) -> T {
    match under_way {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
