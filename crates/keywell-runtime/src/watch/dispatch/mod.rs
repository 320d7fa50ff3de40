//! How a [`Run`] has events delivered, again and again if need be, or given up.

pub(crate) mod delivery;
pub(crate) mod job;
pub(crate) mod lanes;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::task::{Id, JoinError};

use crate::watch::backoff::random;
use crate::watch::dead_letters::letter::DeadLetter;
use crate::watch::dispatch::delivery::Attempt;
use crate::watch::dispatch::job::{GivenUp, Job, JobSource};
use crate::watch::membership::{PARTITIONS, partition};
use crate::watch::run::Run;
use crate::watch::trigger::WatchTrigger;

/// How a task for an event ended.
pub(crate) enum Ended {
    Attempt(Attempt),
    Buried(keywell_store::Result<()>),
}

// === impl Run ===

impl Run {
    /// How long a delivery waits for an instance where other components have used up the pool.
    const ROOM_PAUSE: Duration = Duration::from_millis(20);

    /// Has events delivered, as many as may be, and answers whether there were any.
    pub(crate) fn start(&mut self, now: Instant) -> bool {
        let is_valid = self
            .membership
            .as_ref()
            .is_none_or(|membership| membership.is_valid(now));
        let mut starts_any = false;
        while is_valid && self.running.len() < self.trigger.options.parallel.max(1) {
            let Some(mut job) = self.lanes.next() else {
                break;
            };
            let hops = self.trigger.options.hops;
            if job.hops > hops && job.given_up.is_none() {
                let reason = self.trigger.too_many_hops(&job);
                self.give_up(&mut job, reason);
            }
            let id = match job.given_up.take() {
                Some(given_up) => {
                    let id = self.bury(&job, &given_up);
                    job.given_up = Some(given_up);
                    id
                }
                None => self.deliver(&job),
            };
            self.running.insert(id, job);
            starts_any = true;
        }
        starts_any
    }

    pub(crate) fn bury(&mut self, job: &Job, given_up: &GivenUp) -> Id {
        let letter = self.trigger.letter(job, given_up);
        let letters = self.trigger.letters.clone();
        let burial = async move { Ended::Buried(letters.write(&letter).await) };
        self.tasks.spawn(burial).id()
    }

    pub(crate) fn deliver(&mut self, job: &Job) -> Id {
        let delivery = self.trigger.delivery.clone();
        let attempt = delivery.attempt(job.change.clone(), job.hops, job.attempts + 1);
        let replayed = match &job.source {
            JobSource::Replay(id) => Some((self.trigger.letters.clone(), id.clone())),
            JobSource::Watch | JobSource::Present => None,
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

    /// Makes an instance ahead of the next event while there is nothing else to do.
    pub(crate) fn prepare(&mut self) {
        let Some(hops) = self.wants_spare else {
            return;
        };
        if self.has_work() || self.stopping.is_some() {
            return;
        }
        self.preparing = self.trigger.delivery.clone().prepare(hops);
        if self.preparing.is_some() {
            self.wants_spare = None;
        }
    }

    pub(crate) fn prepared(&mut self, prepared: wasmtime::Result<()>) {
        self.preparing = None;
        if let Err(error) = prepared {
            // What is wrong with it is told when an event needs one.
            tracing::debug!(
                trigger = &*self.trigger.name,
                "no instance was made ahead: {error:#}"
            );
        }
    }

    pub(crate) fn give_up(&self, job: &mut Job, reason: String) {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let at_millis = since_1970.unwrap_or_default().as_millis();
        let at_millis = u64::try_from(at_millis).unwrap_or(u64::MAX);
        let id = match &job.source {
            JobSource::Replay(id) => id.clone(),
            JobSource::Watch | JobSource::Present => {
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

    pub(crate) fn ended(&mut self, ended: Result<(tokio::task::Id, Ended), JoinError>) {
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
        self.wants_spare = Some(job.hops);
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

    /// Puts an event back, unless it will come again by itself or is another process's by now.
    pub(crate) fn again(&mut self, job: Job, at: Instant) {
        let held = self.partitions.get(&job.ticket.partition);
        let is_lost = held.is_none_or(|held| held.holding != job.ticket.holding);
        let is_left = self.stopping.is_some() && job.source.comes_again(self.is_resumable());
        if is_lost || is_left {
            self.lanes.done(&job);
            if let JobSource::Replay(_) = job.source {
                self.over(&job);
            }
        } else {
            self.lanes.again(job, at);
        }
    }

    pub(crate) fn through(&mut self, job: &Job) {
        self.lanes.done(job);
        self.over(job);
        self.has_news = true;
    }

    /// Says that its share need wait for it no longer.
    fn over(&mut self, job: &Job) {
        if let Some(held) = self.partitions.get_mut(&job.ticket.partition) {
            held.end(job.ticket);
        }
        if let JobSource::Replay(id) = &job.source
            && self.replaying.remove(id) == Some(true)
        {
            self.look_for_replays();
        }
    }

    /// Gives up a share that another process has by now.
    pub(crate) fn lose(&mut self, share: u8) {
        self.acquiring.remove(&share);
        if self.partitions.remove(&share).is_none() {
            return;
        }
        for source in self.sources.iter_mut() {
            source.partitions.retain(|held| *held != share);
        }
        let is_of = |key: &str| partition(key, PARTITIONS) == share;
        let replaying = &mut self.replaying;
        self.lanes.forget(|job| {
            let leaves = is_of(&job.change.key);
            if let (true, JobSource::Replay(id)) = (leaves, &job.source) {
                replaying.remove(id);
            }
            leaves
        });
    }
}

// === impl WatchTrigger ===

impl WatchTrigger {
    /// Tells that a component triggers itself, and answers it as a dead letter has it.
    pub(crate) fn too_many_hops(&self, job: &Job) -> String {
        let (hops, most) = (job.hops, self.options.hops);
        let reason = format!(
            "the component triggers itself: {hops} deliveries, one caused by the other, led to this change by their writes, and at most {most} may"
        );
        let component = &self.target.component;
        tracing::warn!(
            trigger = &*self.name,
            component,
            hops,
            "{reason}; it goes to the dead letters"
        );
        tracing::debug!(
            trigger = &*self.name,
            key = &*job.change.key,
            "past the limit on hops"
        );
        reason
    }

    pub(crate) fn letter(&self, job: &Job, given_up: &GivenUp) -> DeadLetter {
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
            is_replaying: matches!(job.source, JobSource::Replay(_)),
        }
    }
}
