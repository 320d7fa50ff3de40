use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{BoxStream, FuturesUnordered};
use keywell_store::{BoxFuture, Event, ResumeToken};
use tokio::task::{JoinError, JoinSet};

use crate::Error;
use crate::call::Call;
use crate::watch::backoff::random;
use crate::watch::checkpoint::Flushed;
use crate::watch::checkpoint::positions::Position;
use crate::watch::checkpoint::progress::Partition;
use crate::watch::dispatch::Ended;
use crate::watch::dispatch::job::{Job, JobSource};
use crate::watch::dispatch::lanes::Lanes;
use crate::watch::intake::coalesced::Losses;
use crate::watch::intake::replays::Replay;
use crate::watch::intake::seen::Told;
use crate::watch::intake::sources::{Opened, Sources};
use crate::watch::membership::{Membership, Notice, PARTITIONS, partition};
use crate::watch::trigger::WatchTrigger;

/// A trigger that runs: one task that takes events in, has them delivered, and keeps the position.
pub(crate) struct Run {
    pub(crate) trigger: WatchTrigger,
    pub(crate) lanes: Lanes,
    pub(crate) sources: Sources,
    pub(crate) openings: FuturesUnordered<BoxFuture<Opening>>,
    pub(crate) told: Told,
    /// The shares that are held, by number.
    pub(crate) partitions: HashMap<u8, Partition>,
    pub(crate) holdings: u64,
    pub(crate) tasks: JoinSet<Ended>,
    pub(crate) running: HashMap<tokio::task::Id, Job>,
    pub(crate) replays: BoxStream<'static, Replay>,
    /// The letters that are being sent again, each with whether it was marked anew meanwhile.
    pub(crate) replaying: HashMap<Arc<str>, bool>,
    pub(crate) flush: Option<BoxFuture<Vec<Flushed>>>,
    /// Not before then.
    pub(crate) flush_after: Instant,
    pub(crate) flush_failures: u32,
    /// Whether events are through since the position was last stored.
    pub(crate) has_news: bool,
    pub(crate) checkpoint_at: Instant,
    losses: Losses,
    pub(crate) membership: Option<Membership>,
    /// Partitions whose positions are being read, each with the holding that they are for.
    pub(crate) acquiring: HashMap<u8, u64>,
    pub(crate) acquisitions: FuturesUnordered<BoxFuture<Acquired>>,
    /// An instance that is being made ahead of the next event.
    pub(crate) preparing: Option<Call>,
    /// Whether one is to be made, and by how many hops the delivery before was caused.
    pub(crate) wants_spare: Option<u32>,
    /// Tells this run from others in the ledger of causes.
    pub(crate) id: u64,
    /// Until when what runs may take, once it is to stop.
    pub(crate) stopping: Option<Instant>,
}

/// Watches that are being opened, or named keys that are read again.
pub(crate) struct Opening {
    /// The shares, each with the holding that it is for.
    pub(crate) partitions: Vec<(u8, u64)>,
    pub(crate) ended: keywell_store::Result<Reopened>,
}

pub(crate) enum Reopened {
    Watches(Vec<Opened>),
    /// What was read, and the moment in [`Run::told`] at which that began.
    Present(Vec<(String, Option<Bytes>)>, u64),
}

/// The positions of partitions that were acquired.
pub(crate) struct Acquired {
    pub(crate) holding: u64,
    pub(crate) positions: Vec<(u8, keywell_store::Result<Position>)>,
}

enum Happened {
    Stop,
    Event(usize, Option<keywell_store::Result<Event>>),
    Opened(Opening),
    Ended(Result<(tokio::task::Id, Ended), JoinError>),
    Replay(Replay),
    Flushed(Vec<Flushed>),
    Membership(Vec<Notice>),
    Acquired(Acquired),
    Prepared(wasmtime::Result<()>),
    Time,
}

// === impl Run ===

impl Run {
    /// How long storing positions and leaving the group may take at the end.
    const LAST_WORDS: Duration = Duration::from_secs(5);

    pub(crate) fn new(mut trigger: WatchTrigger) -> Self {
        let membership = trigger.membership.take();
        let replays = trigger.replays();
        Self {
            checkpoint_at: Instant::now() + trigger.options.checkpoint,
            trigger,
            lanes: Lanes::default(),
            sources: Sources::default(),
            openings: FuturesUnordered::new(),
            told: Told::default(),
            partitions: HashMap::new(),
            holdings: 0,
            tasks: JoinSet::new(),
            running: HashMap::new(),
            replays,
            replaying: HashMap::new(),
            flush: None,
            flush_after: Instant::now(),
            losses: Losses::new(Instant::now()),
            flush_failures: 0,
            has_news: false,
            membership,
            acquiring: HashMap::new(),
            acquisitions: FuturesUnordered::new(),
            preparing: None,
            wants_spare: Some(0),
            id: random(),
            stopping: None,
        }
    }

    pub(crate) async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        let mut stop = pin!(stop);
        self.begin();
        let ended = loop {
            let now = Instant::now();
            self.lanes.wake(now);
            if let Err(error) = self.renew() {
                break Err(error);
            }
            let starts_any = self.start(now);
            self.checkpoint(now);
            self.flush(now);
            self.prepare();
            self.losses
                .tell(&self.trigger.name, &self.trigger.counters, now);
            if self.is_over(now) {
                break Ok(());
            }
            if starts_any {
                // An event does not wait until it is seen what else there is.
                tokio::task::yield_now().await;
            }
            let happened = self.happened(stop.as_mut()).await;
            if let Err(error) = self.take(happened) {
                break Err(error);
            }
        };
        self.end().await;
        ended
    }

    fn begin(&mut self) {
        let trigger = &mut self.trigger;
        tracing::info!(
            trigger = &*trigger.name,
            component = trigger.target.component,
            bucket = trigger.target.bucket.as_str(),
            subscriptions = %trigger.target.subscriptions,
            "watching"
        );
        let Some(opened) = trigger.opened.take() else {
            return;
        };
        let Opened {
            source,
            is_gap,
            present,
        } = opened;
        let reached = source.last.clone();
        if self.membership.is_none() {
            // What is stored is before the gap, and stays until what was read again is through.
            let stored = if is_gap { None } else { reached.clone() };
            self.hold(0, stored, None);
        }
        self.sources.add(source);
        if is_gap {
            self.gap("the history does not reach back to where the trigger stopped");
            self.deliver_present(present, &[0], reached.as_ref());
        }
    }

    /// Takes a share, to go on from a stored position.
    pub(crate) fn hold(
        &mut self,
        number: u8,
        stored: Option<ResumeToken>,
        version: Option<keywell_store::Version>,
    ) {
        self.holdings += 1;
        let partition = Partition::new(number, self.holdings, stored, version);
        self.partitions.insert(number, partition);
    }

    pub(crate) fn is_resumable(&self) -> bool {
        self.trigger.positions.is_some()
    }

    /// Whether there are events that only who surely holds their shares may deliver.
    pub(crate) fn has_work(&self) -> bool {
        self.lanes.events() > 0
    }

    fn has_room(&self) -> bool {
        let options = &self.trigger.options;
        (self.stopping.is_none() || self.parts())
            && self.lanes.events() < options.queued_events.max(1)
            && self.lanes.bytes() < options.queued_bytes.max(1)
    }

    /// Whether this process stops, and yet takes events for others who are about to.
    fn parts(&self) -> bool {
        let membership = self.membership.as_ref();
        membership.is_some_and(Membership::is_departing)
    }

    /// Whether events can be told apart into those that are this process's and those of others.
    /// Until then they stay in the watch: one that cannot resume tells none of them again.
    fn knows_its_shares(&self) -> bool {
        self.membership.as_ref().is_none_or(Membership::has_joined)
    }

    /// The share that a key is in.
    pub(crate) fn partition_of(&self, key: &str) -> u8 {
        let partitions = self.membership.as_ref().map_or(1, |_| PARTITIONS);
        partition(key, partitions)
    }

    async fn happened(&mut self, stop: Pin<&mut impl Future<Output = ()>>) -> Happened {
        let timer = self.next_time();
        let timer = async {
            match timer {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        let has_room = self.has_room();
        let claims = self
            .membership
            .as_ref()
            .is_some_and(Membership::is_claiming);
        let takes_events = has_room && self.knows_its_shares() && !claims;
        let is_running = self.stopping.is_none();
        let event = poll_fn(|cx| self.sources.poll_next(cx));
        tokio::select! {
            biased;
            () = stop, if is_running => Happened::Stop,
            Some(ended) = self.tasks.join_next_with_id() => Happened::Ended(ended),
            flushed = pending_or(&mut self.flush) => Happened::Flushed(flushed),
            notices = changed(&mut self.membership) => Happened::Membership(notices),
            Some(acquired) = self.acquisitions.next(), if is_running => Happened::Acquired(acquired),
            Some(opened) = self.openings.next(), if is_running => Happened::Opened(opened),
            Some(replay) = self.replays.next(), if has_room && is_running => Happened::Replay(replay),
            (index, event) = event, if takes_events => Happened::Event(index, event),
            prepared = pending_or(&mut self.preparing) => Happened::Prepared(prepared),
            () = timer => Happened::Time,
        }
    }

    /// When there is something to do though nothing happens.
    fn next_time(&self) -> Option<Instant> {
        let flush = self.flush.is_none()
            && self
                .partitions
                .values()
                .any(|held| held.unstored().is_some());
        [
            self.lanes.due(),
            self.is_resumable().then_some(self.checkpoint_at),
            (flush && self.is_resumable()).then(|| self.flush_due()),
            self.membership
                .as_ref()
                .and_then(|membership| membership.due(self.has_work())),
            self.losses.due(&self.trigger.counters),
            self.stopping,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn take(&mut self, happened: Happened) -> Result<(), Error> {
        match happened {
            Happened::Stop => self.stop(),
            Happened::Event(index, Some(Ok(event))) => self.event(index, event),
            Happened::Event(index, Some(Err(error))) => {
                return self.watch_ended(index, Some(&error));
            }
            Happened::Event(index, None) => return self.watch_ended(index, None),
            Happened::Opened(opening) => return self.opened(opening),
            Happened::Ended(ended) => self.ended(ended),
            Happened::Replay(replay) => self.replay(replay),
            Happened::Flushed(flushed) => self.flushed(flushed),
            Happened::Membership(notices) => return self.notices(notices),
            Happened::Acquired(acquired) => self.acquired(acquired),
            Happened::Prepared(prepared) => self.prepared(prepared),
            Happened::Time => {}
        }
        Ok(())
    }

    fn stop(&mut self) {
        let grace = self.trigger.delivery.timeout + Duration::from_secs(1);
        self.stopping = Some(Instant::now() + grace);
        self.pass();
        self.openings.clear();
        self.preparing = None;
        let is_resumable = self.is_resumable();
        if let Some(membership) = self.membership.as_mut().filter(|_| !is_resumable) {
            membership.depart();
        }
        let partitions = &mut self.partitions;
        self.lanes.forget(|job| {
            if let JobSource::Replay(_) = job.source
                && let Some(held) = partitions.get_mut(&job.ticket.partition)
            {
                held.end(job.ticket);
            }
            job.source.comes_again(is_resumable)
        });
    }

    fn is_over(&self, now: Instant) -> bool {
        let Some(until) = self.stopping else {
            return false;
        };
        if now >= until {
            let unfinished = self.lanes.events();
            tracing::warn!(
                trigger = &*self.trigger.name,
                unfinished,
                "stopping before all is delivered"
            );
            return true;
        }
        self.running.is_empty() && self.lanes.events() == 0 && !self.parts()
    }

    async fn end(&mut self) {
        self.tasks.shutdown().await;
        let last_words = async {
            if let Some(flush) = self.flush.take() {
                let flushed = flush.await;
                self.flushed(flushed);
            }
            self.flush_failures = 0;
            self.has_news = true;
            self.flush_after = Instant::now();
            self.flush(Instant::now());
            if let Some(flush) = self.flush.take() {
                let flushed = flush.await;
                self.flushed(flushed);
            }
            if let Some(membership) = self.membership.take() {
                membership.leave().await;
            }
        };
        if tokio::time::timeout(Self::LAST_WORDS, last_words)
            .await
            .is_err()
        {
            tracing::warn!(
                trigger = &*self.trigger.name,
                "the store did not take the last position in time; some events will be delivered again"
            );
        }
        for source in self.sources.iter_mut() {
            self.trigger.counters.coalesced(source.coalesced());
        }
        self.losses
            .tell_now(&self.trigger.name, &self.trigger.counters);
        let counts = self.trigger.counters.read();
        tracing::info!(trigger = &*self.trigger.name, "stopped: {counts}");
    }
}

async fn changed(membership: &mut Option<Membership>) -> Vec<Notice> {
    match membership {
        Some(membership) => membership.changed().await,
        None => std::future::pending().await,
    }
}

/// Waits for what is under way, if anything is.
pub(crate) async fn pending_or<T>(under_way: &mut Option<impl Future<Output = T> + Unpin>) -> T {
    match under_way {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
