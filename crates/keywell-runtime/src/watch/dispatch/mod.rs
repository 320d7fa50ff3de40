//! Delivers events: queues them by key, calls the component, tries again after a failure, and
//! writes those it gives up to the dead letters.
//!
//! - Events of one key are delivered one after the other, in the order in which they were queued.
//! - At most [`WatchOptions::parallel`] deliveries run at once. An event that waits for its next
//!   attempt is not among them, and is the first of its key again.
//! - Queued events are bounded in number and bytes. While there is no [room](Dispatch::has_room),
//!   the caller polls no watch, so the store's history is the buffer.
//! - A queued event is reported as finished once it was delivered or its dead letter is written,
//!   never before.
//!
//! A dead letter has the reason, with the last line that the component wrote to standard error.
//! While nothing is queued, an instance is made ahead, for an event that comes alone.

pub(crate) mod delivery;
pub(crate) mod job;
pub(crate) mod lanes;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::OptionFuture;
use keywell_store::BoxFuture;
use tokio::task::{Id, JoinError, JoinSet};

use crate::call::Call;
use crate::watch::backoff::random;
use crate::watch::counters::Counters;
use crate::watch::dead_letters::{DeadLetter, DeadLetters};
use crate::watch::dispatch::delivery::{Attempt, Delivery};
use crate::watch::dispatch::job::{GivenUp, Job, JobSource};
use crate::watch::dispatch::lanes::Lanes;
use crate::watch::options::WatchOptions;

/// The deliveries of a trigger.
pub(crate) struct Dispatch {
    trigger: Arc<str>,
    /// What the component is called.
    component: String,
    options: WatchOptions,
    delivery: Arc<Delivery>,
    letters: DeadLetters,
    counters: Arc<Counters>,
    lanes: Lanes,
    tasks: JoinSet<Ended>,
    running: HashMap<Id, Job>,
    /// An instance that is being made ahead of the next event.
    preparing: Option<Call>,
    /// Whether one is to be made, and by how many hops the delivery before was caused.
    wants_spare: Option<u32>,
}

/// What a task of a [`Dispatch`] came to.
pub(crate) enum Done {
    Task(Result<(Id, Ended), JoinError>),
    Prepared(wasmtime::Result<()>),
}

/// How a task for an event ended.
pub(crate) enum Ended {
    Attempt(Attempt),
    Recorded(keywell_store::Result<()>),
}

/// What the caller is to do with an event whose task ended.
pub(crate) enum Outcome {
    /// It is delivered, or among the dead letters.
    Finished(Job),
    /// It is to be tried again at a time.
    Retry(Job, Instant),
}

// === impl Dispatch ===

impl Dispatch {
    /// How long a delivery waits for an instance where other components have used up the pool.
    const ROOM_PAUSE: Duration = Duration::from_millis(20);

    pub(crate) fn new(
        component: String,
        options: WatchOptions,
        delivery: Arc<Delivery>,
        letters: DeadLetters,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            trigger: delivery.trigger().clone(),
            component,
            options,
            delivery,
            letters,
            counters,
            lanes: Lanes::default(),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            preparing: None,
            wants_spare: Some(0),
        }
    }

    pub(crate) fn push(&mut self, job: Job) {
        self.lanes.push(job);
    }

    /// Events that are queued or under way.
    pub(crate) fn events(&self) -> usize {
        self.lanes.events()
    }

    pub(crate) fn has_room(&self) -> bool {
        let options = &self.options;
        self.lanes.events() < options.queued_events.max(1)
            && self.lanes.bytes() < options.queued_bytes.max(1)
    }

    /// Whether no event is queued or under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.running.is_empty() && self.lanes.events() == 0
    }

    /// How long an attempt may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.delivery.timeout()
    }

    /// When the next event is to be tried again.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.lanes.due()
    }

    /// Makes ready what is to be tried again by now.
    pub(crate) fn wake(&mut self, now: Instant) {
        self.lanes.wake(now);
    }

    /// Starts as many deliveries as may run. Returns whether there were any.
    pub(crate) fn start(&mut self) -> bool {
        let mut starts_any = false;
        while self.running.len() < self.options.parallel.max(1) {
            let Some(mut job) = self.lanes.next() else {
                break;
            };
            if job.hops > self.options.hops && job.given_up.is_none() {
                let reason = self.too_many_hops(&job);
                self.give_up(&mut job, reason);
            }
            let task = match &job.given_up {
                Some(given_up) => self.record(&job, given_up),
                None => self.deliver(&job),
            };
            let id = self.tasks.spawn(task).id();
            self.running.insert(id, job);
            starts_any = true;
        }
        starts_any
    }

    /// Writes the dead letter of an event.
    fn record(&self, job: &Job, given_up: &GivenUp) -> BoxFuture<Ended> {
        let letter = self.letter(job, given_up);
        let letters = self.letters.clone();
        Box::pin(async move { Ended::Recorded(letters.write(&letter).await) })
    }

    fn deliver(&self, job: &Job) -> BoxFuture<Ended> {
        let delivery = self.delivery.clone();
        let attempt = delivery.attempt(job.event.clone(), job.hops, job.attempts + 1);
        let replayed = match &job.source {
            JobSource::Replay(id) => Some((self.letters.clone(), id.clone())),
            JobSource::Watch | JobSource::Present => None,
        };
        Box::pin(async move {
            let ended = attempt.await;
            if let (Attempt::Delivered, Some((letters, id))) = (&ended, replayed)
                && let Err(error) = letters.remove(&id).await
            {
                tracing::warn!(id = &*id, %error, "a dead letter was delivered, and cannot be removed");
            }
            Ended::Attempt(ended)
        })
    }

    /// Makes an instance ahead of the next event while there is nothing else to do.
    pub(crate) fn prepare(&mut self) {
        let Some(hops) = self.wants_spare else {
            return;
        };
        if self.lanes.events() > 0 {
            return;
        }
        self.preparing = self.delivery.clone().prepare(hops);
        if self.preparing.is_some() {
            self.wants_spare = None;
        }
    }

    /// Makes no more instances ahead.
    pub(crate) fn stop_preparing(&mut self) {
        self.preparing = None;
    }

    /// Waits for the end of a task. Nothing is lost if it is cancelled.
    pub(crate) async fn done(&mut self) -> Done {
        tokio::select! {
            biased;
            Some(ended) = self.tasks.join_next_with_id() => Done::Task(ended),
            Some(prepared) = OptionFuture::from(self.preparing.as_mut()) => {
                self.preparing = None;
                Done::Prepared(prepared)
            }
            else => std::future::pending().await,
        }
    }

    /// Decides what becomes of an event whose task ended. The caller answers with
    /// [`finish`](Self::finish) or [`put_back`](Self::put_back).
    pub(crate) fn ended(&mut self, done: Done) -> Option<Outcome> {
        let (id, ended) = match done {
            Done::Task(Ok(ended)) => ended,
            Done::Task(Err(error)) => {
                let reason = "a defect in Keywell ended the delivery".to_owned();
                (error.id(), Ended::Attempt(Attempt::Failed(reason)))
            }
            Done::Prepared(Ok(())) => return None,
            Done::Prepared(Err(error)) => {
                // The next event that needs an instance fails with it.
                let trigger = &*self.trigger;
                tracing::debug!(trigger, "no instance was made ahead: {error:#}");
                return None;
            }
        };
        let mut job = self.running.remove(&id)?;
        let now = Instant::now();
        self.wants_spare = Some(job.hops);
        Some(match ended {
            Ended::Attempt(Attempt::Delivered) => {
                self.counters.delivered();
                Outcome::Finished(job)
            }
            Ended::Attempt(Attempt::NoRoom) => Outcome::Retry(job, now + Self::ROOM_PAUSE),
            Ended::Attempt(Attempt::Failed(reason)) => {
                job.attempts += 1;
                if job.attempts > self.options.retries {
                    self.give_up(&mut job, reason);
                    Outcome::Retry(job, now)
                } else {
                    self.counters.retried();
                    let pause = self.options.backoff.after(job.attempts);
                    Outcome::Retry(job, now + pause)
                }
            }
            Ended::Recorded(Ok(())) => {
                self.counters.dead();
                let id = job.given_up.as_ref().map(|given_up| &*given_up.id);
                let (trigger, attempts) = (&*self.trigger, job.attempts);
                tracing::warn!(trigger, attempts, id, "an event went to the dead letters");
                Outcome::Finished(job)
            }
            Ended::Recorded(Err(error)) => {
                let failures = job.given_up.as_mut().map_or(1, |given_up| {
                    given_up.failures = given_up.failures.saturating_add(1);
                    given_up.failures
                });
                let pause = self.options.backoff.after(failures);
                tracing::error!(trigger = &*self.trigger, %error, ?pause, "a dead letter cannot be written; its key waits, and the position stays before it");
                Outcome::Retry(job, now + pause)
            }
        })
    }

    /// Lets the next event of the key be delivered.
    pub(crate) fn finish(&mut self, job: &Job) {
        self.lanes.done(job);
    }

    /// Puts an event back, to be tried again at a time.
    pub(crate) fn put_back(&mut self, job: Job, at: Instant) {
        self.lanes.again(job, at);
    }

    /// Forgets events that are not under way. `forgets` is called once for each of these.
    pub(crate) fn forget(&mut self, forgets: impl FnMut(&Job) -> bool) {
        self.lanes.forget(forgets);
    }

    /// Ends all tasks.
    pub(crate) async fn shutdown(&mut self) {
        self.tasks.shutdown().await;
    }

    fn give_up(&self, job: &mut Job, reason: String) {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let at_millis = since_1970.unwrap_or_default().as_millis();
        let at_millis = u64::try_from(at_millis).unwrap_or(u64::MAX);
        let id = match &job.source {
            JobSource::Replay(id) => id.clone(),
            JobSource::Watch | JobSource::Present => {
                let trigger = &self.trigger;
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

    /// Logs that a component triggers itself, and returns the reason for the dead letter.
    fn too_many_hops(&self, job: &Job) -> String {
        let (hops, most) = (job.hops, self.options.hops);
        let reason = format!(
            "the component triggers itself: {hops} deliveries, one caused by the other, led to this change by their writes, and at most {most} may"
        );
        let (trigger, component) = (&*self.trigger, &self.component);
        tracing::warn!(
            trigger,
            component,
            hops,
            "{reason}; it goes to the dead letters"
        );
        tracing::debug!(trigger, key = &*job.event.key, "past the limit on hops");
        reason
    }

    fn letter(&self, job: &Job, given_up: &GivenUp) -> DeadLetter {
        DeadLetter {
            id: given_up.id.to_string(),
            trigger: self.trigger.to_string(),
            component: self.component.clone(),
            bucket: self.delivery.bucket().to_string(),
            operation: job.event.operation(),
            key: job.event.key.to_string(),
            value: job.event.value.clone(),
            reason: given_up.reason.clone(),
            attempts: job.attempts,
            at_millis: given_up.at_millis,
            is_replaying: matches!(job.source, JobSource::Replay(_)),
        }
    }
}
