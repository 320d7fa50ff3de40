use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{BoxStream, FuturesUnordered};
use keywell_store::{BoxFuture, Event, Invalid, ResumeToken};
use tokio::task::{JoinError, JoinSet};

use super::backoff::random;
use super::change::{Change, GivenUp, Job, JobSource};
use super::delivery::Attempt;
use super::group::partition;
use super::lanes::Lanes;
use super::letter::DeadLetter;
use super::partition::Partition;
use super::replays::replays;
use super::shares::{Renewal, Shared};
use super::sources::{Opened, Sources, is_passing};
use super::trigger::WatchTrigger;
use crate::Error;
use crate::watch::positions::Lost;

/// A trigger that runs: one task that takes events in, has them delivered, and keeps the position.
pub(super) struct Run {
    pub(super) trigger: WatchTrigger,
    pub(super) lanes: Lanes,
    pub(super) sources: Sources,
    pub(super) openings: FuturesUnordered<BoxFuture<Opening>>,
    /// The shares that are held, by number.
    pub(super) partitions: HashMap<u8, Partition>,
    pub(super) holdings: u64,
    tasks: JoinSet<Ended>,
    running: HashMap<tokio::task::Id, Job>,
    replays: BoxStream<'static, DeadLetter>,
    replaying: HashSet<Arc<str>>,
    flush: Option<BoxFuture<Vec<Flushed>>>,
    /// Not before then.
    flush_after: Instant,
    flush_failures: u32,
    /// Whether events are through since the position was last stored.
    has_news: bool,
    pub(super) shared: Option<Shared>,
    /// Tells this run from others in the ledger of causes.
    id: u64,
    /// Until when what runs may take, once it is to stop.
    stopping: Option<Instant>,
}

/// Watches that are being opened, or named keys that are read again.
pub(super) struct Opening {
    /// The shares, each with the holding that it is for.
    pub(super) partitions: Vec<(u8, u64)>,
    pub(super) ended: keywell_store::Result<Reopened>,
}

pub(super) enum Reopened {
    Watch(Opened),
    Present(Vec<(String, Option<Bytes>)>),
}

struct Flushed {
    partition: u8,
    holding: u64,
    token: ResumeToken,
    ended: keywell_store::Result<Result<Option<keywell_store::Version>, Lost>>,
}

/// How a task for an event ended.
enum Ended {
    Attempt(Attempt),
    Buried(keywell_store::Result<()>),
}

enum Happened {
    Stop,
    Event(usize, Option<keywell_store::Result<Event>>),
    Opened(Opening),
    Ended(Result<(tokio::task::Id, Ended), JoinError>),
    Replay(DeadLetter),
    Flushed(Vec<Flushed>),
    Renewed(Renewal),
    Time,
}

// === impl Run ===

impl Run {
    /// How often positions are stored while events come without a pause. Otherwise they are stored
    /// at once.
    const FLUSH_EVERY: Duration = Duration::from_millis(50);
    /// How often they are stored when all that moved is what nobody subscribed to.
    const FLUSH_IDLE_EVERY: Duration = Duration::from_secs(1);
    /// How long a delivery waits for room that instances of others take.
    const ROOM_PAUSE: Duration = Duration::from_millis(20);
    /// How long storing positions and leaving the group may take at the end.
    const LAST_WORDS: Duration = Duration::from_secs(5);

    pub(super) fn new(mut trigger: WatchTrigger) -> Self {
        let shared = trigger.group.take().map(Shared::new);
        let replays = replays(trigger.letters.clone(), trigger.name.clone());
        Self {
            trigger,
            lanes: Lanes::default(),
            sources: Sources::default(),
            openings: FuturesUnordered::new(),
            partitions: HashMap::new(),
            holdings: 0,
            tasks: JoinSet::new(),
            running: HashMap::new(),
            replays,
            replaying: HashSet::new(),
            flush: None,
            flush_after: Instant::now(),
            flush_failures: 0,
            has_news: false,
            shared,
            id: random(),
            stopping: None,
        }
    }

    pub(super) async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        let mut stop = pin!(stop);
        self.begin();
        let ended = loop {
            let now = Instant::now();
            self.lanes.wake(now);
            self.start(now);
            self.flush(now);
            self.renew(now);
            if self.is_over(now) {
                break Ok(());
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
        if self.shared.is_none() {
            self.hold(0, source.last.clone(), None);
        }
        self.sources.add(source);
        if is_gap {
            self.gap("the history does not reach back to where the trigger stopped");
            self.deliver_present(present);
        }
    }

    /// Takes a share, to go on from a stored position.
    pub(super) fn hold(
        &mut self,
        number: u8,
        stored: Option<ResumeToken>,
        version: Option<keywell_store::Version>,
    ) {
        self.holdings += 1;
        let partition = Partition::new(number, self.holdings, stored, version);
        self.partitions.insert(number, partition);
    }

    fn is_resumable(&self) -> bool {
        self.trigger.positions.is_some()
    }

    fn has_room(&self) -> bool {
        let options = &self.trigger.options;
        self.stopping.is_none()
            && self.lanes.events() < options.queued_events.max(1)
            && self.lanes.bytes() < options.queued_bytes.max(1)
    }

    /// The share that a key is in.
    pub(super) fn partition_of(&self, key: &str) -> u8 {
        let partitions = self.shared.as_ref().map_or(1, |_| super::group::PARTITIONS);
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
        let is_running = self.stopping.is_none();
        tokio::select! {
            biased;
            () = stop, if is_running => Happened::Stop,
            Some(ended) = self.tasks.join_next_with_id() => Happened::Ended(ended),
            flushed = pending_or(&mut self.flush) => Happened::Flushed(flushed),
            renewed = Shared::renewed(&mut self.shared) => Happened::Renewed(renewed),
            Some(opened) = self.openings.next(), if is_running => Happened::Opened(opened),
            Some(letter) = self.replays.next(), if has_room => Happened::Replay(letter),
            (index, event) = poll_fn(|cx| self.sources.poll_next(cx)), if has_room => {
                Happened::Event(index, event)
            }
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
            (flush && self.is_resumable()).then(|| self.flush_due()),
            self.shared.as_ref().and_then(Shared::due),
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
            Happened::Event(index, ended) => return self.watch_ended(index, ended),
            Happened::Opened(opening) => return self.opened(opening),
            Happened::Ended(ended) => self.ended(ended),
            Happened::Replay(letter) => self.replay(letter),
            Happened::Flushed(flushed) => self.flushed(flushed),
            Happened::Renewed(renewal) => self.renewed(renewal),
            Happened::Time => {}
        }
        Ok(())
    }

    // --- events in

    fn event(&mut self, index: usize, event: Event) {
        let Some(source) = self.sources.get_mut(index) else {
            return;
        };
        self.trigger.counters.coalesced(source.coalesced());
        let (key, value, token) = match event {
            Event::Set {
                key, value, token, ..
            } => (key, Some(value), token),
            Event::Delete { key, token, .. } => (key, None, token),
            Event::Gap => return self.gap("the store missed changes"),
            _ => return,
        };
        source.last = token.clone().or(source.last.take());
        let share = partition(
            &key,
            self.shared.as_ref().map_or(1, |_| super::group::PARTITIONS),
        );
        if source.partitions.contains(&share)
            && let Some(held) = self.partitions.get_mut(&share)
        {
            let change = Change {
                key: key.into(),
                value,
            };
            if self.trigger.subscribes(&change) {
                let hops = self.trigger.hops(self.id, &change);
                let ticket = held.begin(token);
                self.lanes
                    .push(Job::new(change, JobSource::Watch(ticket), hops));
            } else {
                held.pass(token.as_ref());
            }
        }
        self.sources.merge(index);
    }

    pub(super) fn gap(&self, why: &str) {
        self.trigger.counters.gap();
        let trigger = &*self.trigger.name;
        tracing::warn!(
            trigger,
            "changes were missed: {why}; keys that are named in full are read again"
        );
    }

    /// Delivers what named keys hold, of the shares that are held.
    fn deliver_present(&mut self, present: Vec<(String, Option<Bytes>)>) {
        for (key, value) in present {
            let change = Change {
                key: key.into(),
                value,
            };
            let share = self.partition_of(&change.key);
            if self.partitions.contains_key(&share) && self.trigger.subscribes(&change) {
                self.lanes.push(Job::new(change, JobSource::Present, 0));
            }
        }
    }

    fn watch_ended(
        &mut self,
        index: usize,
        ended: Option<keywell_store::Result<Event>>,
    ) -> Result<(), Error> {
        let mut source = self.sources.remove(index);
        self.trigger.counters.coalesced(source.coalesced());
        let trigger = self.trigger.name.clone();
        let is_lost = match &ended {
            Some(Err(keywell_store::Error::Invalid(Invalid::Compacted | Invalid::Token))) => true,
            Some(Err(error)) if !is_passing(error) => return Err(self.refused(error)),
            Some(Err(error)) => {
                tracing::warn!(trigger = &*trigger, %error, "the watch broke off");
                false
            }
            _ => {
                tracing::warn!(trigger = &*trigger, "the watch ended");
                false
            }
        };
        let missed = is_lost || !self.is_resumable();
        let after = if missed { None } else { source.last };
        self.open(after, source.partitions, missed);
        Ok(())
    }

    /// Opens a watch for some shares.
    pub(super) fn open(&mut self, after: Option<ResumeToken>, shares: Vec<u8>, missed: bool) {
        let partitions = self.holdings_of(&shares);
        let opening = self
            .trigger
            .opener
            .clone()
            .open_at_length(after, shares, missed);
        self.openings.push(Box::pin(async move {
            Opening {
                partitions,
                ended: opening.await.map(Reopened::Watch),
            }
        }));
    }

    pub(super) fn holdings_of(&self, shares: &[u8]) -> Vec<(u8, u64)> {
        let held = shares.iter().filter_map(|share| self.partitions.get(share));
        held.map(|held| (held.number, held.holding)).collect()
    }

    fn opened(&mut self, opening: Opening) -> Result<(), Error> {
        let reopened = opening.ended.map_err(|error| self.refused(&error))?;
        let Opened {
            mut source,
            is_gap,
            present,
        } = match reopened {
            Reopened::Watch(opened) => opened,
            Reopened::Present(present) => {
                self.deliver_present(present);
                return Ok(());
            }
        };
        source.partitions = opening
            .partitions
            .into_iter()
            .filter(|(share, holding)| {
                let held = self.partitions.get(share);
                held.is_some_and(|held| held.holding == *holding && !held.is_leaving)
            })
            .map(|(share, _)| share)
            .collect();
        if is_gap {
            self.gap("the store no longer tells what came after the last event seen");
            for share in &source.partitions {
                if let Some(held) = self.partitions.get_mut(share) {
                    held.pass(source.last.as_ref());
                }
            }
            self.deliver_present(present);
        }
        if source.partitions.is_empty() && self.is_resumable() {
            return Ok(());
        }
        let index = self.sources.add(source);
        self.sources.merge(index);
        Ok(())
    }

    fn refused(&self, error: &keywell_store::Error) -> Error {
        Error::Watch {
            trigger: self.trigger.name.to_string(),
            problem: format!("can watch no longer: {error}"),
        }
    }

    fn replay(&mut self, letter: DeadLetter) {
        let share = self.partition_of(&letter.key);
        if !self.partitions.contains_key(&share)
            || !self.replaying.insert(letter.id.as_str().into())
        {
            return;
        }
        let id: Arc<str> = letter.id.into();
        let change = Change {
            key: letter.key.into(),
            value: match letter.operation {
                super::Operation::Set => Some(letter.value.unwrap_or_default()),
                super::Operation::Delete => None,
            },
        };
        self.lanes.push(Job::new(change, JobSource::Replay(id), 0));
    }

    /// Looks for letters to send again anew, as there are shares that were not held before.
    pub(super) fn look_for_replays(&mut self) {
        self.replays = replays(self.trigger.letters.clone(), self.trigger.name.clone());
    }

    // --- deliveries out

    fn start(&mut self, now: Instant) {
        let is_valid = self
            .shared
            .as_ref()
            .is_none_or(|shared| shared.is_valid(now));
        while is_valid && self.running.len() < self.trigger.options.parallel.max(1) {
            let Some(mut job) = self.lanes.next() else {
                return;
            };
            let hops = self.trigger.options.hops;
            if job.hops > hops && job.given_up.is_none() {
                let trigger = &*self.trigger.name;
                let component = &self.trigger.target.component;
                tracing::warn!(
                    trigger,
                    component,
                    hops = job.hops,
                    "the component triggers itself: {} deliveries led to this change by their writes, and at most {hops} may; it goes to the dead letters",
                    job.hops
                );
                tracing::debug!(trigger, key = &*job.change.key, "past the limit on hops");
                let reason = format!(
                    "the component triggers itself: the change came of {} deliveries, each of which wrote what caused the next, and at most {hops} may",
                    job.hops
                );
                self.give_up(&mut job, reason);
            }
            let id = match &job.given_up {
                Some(given_up) => {
                    let letter = self.trigger.letter(&job, given_up);
                    let letters = self.trigger.letters.clone();
                    let burial = async move { Ended::Buried(letters.write(&letter).await) };
                    self.tasks.spawn(burial).id()
                }
                None => {
                    let attempt = self.trigger.delivery.clone().attempt(
                        job.change.clone(),
                        job.hops,
                        job.attempts + 1,
                    );
                    let replayed = match &job.source {
                        JobSource::Replay(id) => Some((self.trigger.letters.clone(), id.clone())),
                        JobSource::Watch(_) | JobSource::Present => None,
                    };
                    let delivery = async move {
                        let ended = attempt.await;
                        if let (Attempt::Delivered, Some((letters, id))) = (&ended, replayed)
                            && let Err(error) = letters.remove(&id).await
                        {
                            tracing::warn!(id = &*id, %error, "a dead letter was delivered, and cannot be removed");
                        }
                        Ended::Attempt(ended)
                    };
                    self.tasks.spawn(delivery).id()
                }
            };
            self.running.insert(id, job);
        }
    }

    fn give_up(&self, job: &mut Job, reason: String) {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let at_millis = since_1970.unwrap_or_default().as_millis();
        let at_millis = u64::try_from(at_millis).unwrap_or(u64::MAX);
        let id = match &job.source {
            JobSource::Replay(id) => id.clone(),
            JobSource::Watch(_) | JobSource::Present => {
                let trigger = &self.trigger.name;
                format!("{trigger}/{at_millis:013}-{:016x}", random()).into()
            }
        };
        job.given_up = Some(GivenUp {
            id,
            reason,
            at_millis,
            failures: 0,
        });
    }

    fn ended(&mut self, ended: Result<(tokio::task::Id, Ended), JoinError>) {
        let (id, ended) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                let reason = "a defect in Keywell ended the delivery".to_owned();
                (error.id(), Ended::Attempt(Attempt::Failed(reason)))
            }
        };
        let Some(mut job) = self.running.remove(&id) else {
            return;
        };
        let now = Instant::now();
        let trigger = self.trigger.name.clone();
        match ended {
            Ended::Attempt(Attempt::Delivered) => {
                self.trigger.counters.delivered();
                self.through(&job);
            }
            Ended::Attempt(Attempt::NoRoom) => self.again(job, now + Self::ROOM_PAUSE),
            Ended::Attempt(Attempt::Failed(reason)) => {
                job.attempts += 1;
                if job.attempts > self.trigger.options.retries {
                    self.give_up(&mut job, reason);
                    self.again(job, now);
                } else {
                    self.trigger.counters.retried();
                    let pause = self.trigger.options.backoff.after(job.attempts);
                    self.again(job, now + pause);
                }
            }
            Ended::Buried(Ok(())) => {
                self.trigger.counters.dead();
                let id = job.given_up.as_ref().map(|given_up| &*given_up.id);
                let attempts = job.attempts;
                tracing::warn!(
                    trigger = &*trigger,
                    attempts,
                    id,
                    "an event went to the dead letters"
                );
                self.through(&job);
            }
            Ended::Buried(Err(error)) => {
                let failures = job.given_up.as_mut().map_or(1, |given_up| {
                    given_up.failures = given_up.failures.saturating_add(1);
                    given_up.failures
                });
                let pause = self.trigger.options.backoff.after(failures);
                tracing::error!(trigger = &*trigger, %error, ?pause, "a dead letter cannot be written; its key waits, and the position stays before it");
                self.again(job, now + pause);
            }
        }
    }

    /// Puts an event back, unless it will come again by itself.
    fn again(&mut self, job: Job, at: Instant) {
        let leaves = match &job.source {
            JobSource::Watch(ticket) => {
                let held = self.partitions.get(&ticket.partition);
                held.is_none_or(|held| held.holding != ticket.holding)
                    || (self.stopping.is_some() && self.is_resumable())
            }
            JobSource::Replay(_) | JobSource::Present => self.stopping.is_some(),
        };
        if leaves {
            self.lanes.done(&job);
        } else {
            self.lanes.again(job, at);
        }
    }

    fn through(&mut self, job: &Job) {
        self.lanes.done(job);
        match &job.source {
            JobSource::Watch(ticket) => {
                if let Some(held) = self.partitions.get_mut(&ticket.partition) {
                    held.end(*ticket);
                    self.has_news = true;
                }
            }
            JobSource::Replay(id) => {
                self.replaying.remove(id);
            }
            JobSource::Present => {}
        }
    }

    /// Gives up a share that another process has by now.
    pub(super) fn lose(&mut self, share: u8) {
        if self.partitions.remove(&share).is_none() {
            return;
        }
        for source in self.sources.iter_mut() {
            source.partitions.retain(|held| *held != share);
        }
        let is_of = |key: &str| partition(key, super::group::PARTITIONS) == share;
        let replaying = &mut self.replaying;
        self.lanes.forget(|job| {
            let leaves = is_of(&job.change.key);
            if let (true, JobSource::Replay(id)) = (leaves, &job.source) {
                replaying.remove(id);
            }
            leaves
        });
    }

    // --- positions

    fn flush_due(&self) -> Instant {
        let pause = if self.has_news {
            Duration::ZERO
        } else {
            Self::FLUSH_IDLE_EVERY
        };
        self.flush_after + pause
    }

    fn flush(&mut self, now: Instant) {
        let Some(positions) = &self.trigger.positions else {
            return;
        };
        let is_idle = self.has_news && self.flush_failures == 0 && self.lanes.events() == 0;
        if self.flush.is_some() || !(is_idle || now >= self.flush_due()) {
            return;
        }
        let unstored: Vec<_> = self
            .partitions
            .values()
            .filter_map(|held| {
                let token = held.unstored()?.clone();
                Some((held.number, held.holding, token, held.version.clone()))
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
                .map(|(partition, holding, token, version)| {
                    let positions = positions.clone();
                    async move {
                        let ended = positions.store(partition, &token, version).await;
                        Flushed {
                            partition,
                            holding,
                            token,
                            ended,
                        }
                    }
                });
            futures::future::join_all(stores).await
        }));
    }

    fn flushed(&mut self, flushed: Vec<Flushed>) {
        self.flush = None;
        let mut failed = None;
        for Flushed {
            partition,
            holding,
            token,
            ended,
        } in flushed
        {
            let held = self.partitions.get_mut(&partition);
            let Some(held) = held.filter(|held| held.holding == holding) else {
                continue;
            };
            match ended {
                Ok(Ok(version)) => held.stored(token, version),
                Ok(Err(Lost)) => {
                    let trigger = &*self.trigger.name;
                    tracing::warn!(trigger, partition, "another process has taken over a share");
                    self.lose(partition);
                }
                Err(error) => failed = Some(error),
            }
        }
        let Some(error) = failed else {
            self.flush_failures = 0;
            return;
        };
        self.has_news = true;
        self.flush_failures = self.flush_failures.saturating_add(1);
        let pause = self.trigger.options.backoff.after(self.flush_failures);
        self.flush_after = Instant::now() + pause;
        tracing::warn!(trigger = &*self.trigger.name, %error, ?pause, "the position cannot be stored; trying again");
    }

    /// Lets positions move past what nobody subscribed to or others have.
    pub(super) fn pass(&mut self) {
        for source in self.sources.iter_mut() {
            for share in &source.partitions {
                if let Some(held) = self.partitions.get_mut(share) {
                    held.pass(source.last.as_ref());
                }
            }
        }
    }

    // --- the end

    fn stop(&mut self) {
        let grace = self.trigger.delivery.timeout + Duration::from_secs(1);
        self.stopping = Some(Instant::now() + grace);
        self.pass();
        self.openings.clear();
        let is_resumable = self.is_resumable();
        self.lanes.forget(|job| match job.source {
            JobSource::Watch(_) => is_resumable,
            JobSource::Replay(_) => true,
            JobSource::Present => is_resumable,
        });
    }

    fn is_over(&mut self, now: Instant) -> bool {
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
        self.running.is_empty() && self.lanes.events() == 0
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
            if let Some(shared) = self.shared.take() {
                shared.leave().await;
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
        let counts = self.trigger.counters.read();
        tracing::info!(trigger = &*self.trigger.name, "stopped: {counts}");
    }
}

// === impl WatchTrigger ===

impl WatchTrigger {
    fn subscribes(&self, change: &Change) -> bool {
        self.target
            .subscriptions
            .matches(change.operation(), &change.key)
    }

    fn hops(&self, run: u64, change: &Change) -> u32 {
        self.causes
            .hops(run, &self.place, &change.key, change.value.as_ref())
    }

    fn letter(&self, job: &Job, given_up: &GivenUp) -> DeadLetter {
        DeadLetter {
            id: given_up.id.to_string(),
            trigger: self.name.to_string(),
            component: self.target.component.clone(),
            bucket: self.target.bucket.to_string(),
            operation: job.change.operation(),
            key: job.change.key.to_string(),
            value: job.change.value.clone(),
            reason: given_up.reason.clone(),
            attempts: job.attempts,
            at_millis: given_up.at_millis,
            is_replaying: false,
        }
    }
}

/// Waits for what is under way, if anything is.
pub(super) async fn pending_or<T>(under_way: &mut Option<BoxFuture<T>>) -> T {
    match under_way {
        Some(future) => future.as_mut().await,
        None => std::future::pending().await,
    }
}
