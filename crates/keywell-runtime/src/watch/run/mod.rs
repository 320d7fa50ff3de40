//! A trigger that runs: one task that performs what intake, dispatch, checkpoint and membership ask
//! for, and moves events from one to the next.
//!
//! - An event is taken only for a partition that this process owns, and delivered only while its
//!   lease is valid.
//! - A partition is released when its events are finished and its position is stored; where the
//!   store repeats no event, its events are taken until another process owns it.
//! - Whatever ends the run, positions are stored and the group is left, within a few seconds.

mod rebalance;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Error;
use crate::watch::checkpoint::{self, Checkpoint};
use crate::watch::counters::Counters;
use crate::watch::dispatch::job::{Job, JobSource};
use crate::watch::dispatch::{self, Dispatch, Outcome};
use crate::watch::intake::opener::Opened;
use crate::watch::intake::replays::Replay;
use crate::watch::intake::{self, Accepts, Action, Intake, Reopen};
use crate::watch::membership::{Membership, Notice, PARTITIONS, partition};

/// A trigger that runs.
pub(crate) struct Run {
    trigger: Arc<str>,
    counters: Arc<Counters>,
    intake: Intake,
    dispatch: Dispatch,
    checkpoint: Checkpoint,
    /// The group, if other processes may deliver events of the trigger.
    membership: Option<Membership>,
    /// Until when what runs may take, once it is to stop.
    stopping: Option<Instant>,
}

enum Happened {
    Stop,
    Dispatch(dispatch::Done),
    Checkpoint(checkpoint::Done),
    Membership(Vec<Notice>),
    Intake(intake::Done),
    Time,
}

// === impl Run ===

impl Run {
    /// How long storing positions and leaving the group may take at the end.
    const LAST_WORDS: Duration = Duration::from_secs(5);

    pub(crate) fn new(
        trigger: Arc<str>,
        counters: Arc<Counters>,
        intake: Intake,
        dispatch: Dispatch,
        checkpoint: Checkpoint,
        membership: Option<Membership>,
    ) -> Self {
        Self {
            trigger,
            counters,
            intake,
            dispatch,
            checkpoint,
            membership,
            stopping: None,
        }
    }

    pub(crate) async fn run(
        mut self,
        opened: Opened,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let mut stop = pin!(stop);
        self.begin(opened);
        let ended = loop {
            let now = Instant::now();
            self.dispatch.wake(now);
            if let Err(error) = self.renew() {
                break Err(error);
            }
            let starts_any = self.is_valid(now) && self.dispatch.start();
            if self.checkpoint.take_advance(now) {
                self.advance();
            }
            self.checkpoint.flush(now, self.dispatch.events() == 0);
            if self.stopping.is_none() {
                self.dispatch.prepare();
            }
            self.intake.log_coalesced(now);
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

    fn begin(&mut self, opened: Opened) {
        if self.membership.is_none() {
            // What is stored is before the gap, and stays until what was read again is finished.
            let reached = opened.source.last().filter(|_| !opened.is_gap);
            self.checkpoint.hold(0, reached.cloned(), None);
        }
        let actions = self.intake.begin(opened);
        self.perform(actions);
    }

    /// Whether no other process delivers events of partitions that this one holds.
    fn is_valid(&self, now: Instant) -> bool {
        let membership = self.membership.as_ref();
        membership.is_none_or(|membership| membership.is_valid(now))
    }

    /// Whether there are events that take a valid lease.
    fn has_work(&self) -> bool {
        self.dispatch.events() > 0
    }

    /// Whether this process stops, and takes events until others do.
    fn is_departing(&self) -> bool {
        let membership = self.membership.as_ref();
        membership.is_some_and(Membership::is_departing)
    }

    /// Whether it is known which events are for this process and which for others. Until then
    /// they stay in the watch, as a store that cannot resume repeats none of them.
    fn knows_its_partitions(&self) -> bool {
        let membership = self.membership.as_ref();
        membership.is_none_or(|membership| membership.has_joined() && !membership.is_claiming())
    }

    fn partition_of(&self, key: &str) -> u8 {
        partition(key, self.membership.as_ref().map_or(1, |_| PARTITIONS))
    }

    async fn happened(&mut self, stop: Pin<&mut impl Future<Output = ()>>) -> Happened {
        let timer = self.due();
        let timer = async {
            match timer {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        let is_running = self.stopping.is_none();
        let has_room = self.dispatch.has_room();
        let accepts = Accepts {
            events: has_room && (is_running || self.is_departing()) && self.knows_its_partitions(),
            replays: has_room && is_running,
            openings: is_running,
        };
        tokio::select! {
            biased;
            () = stop, if is_running => Happened::Stop,
            done = self.dispatch.done() => Happened::Dispatch(done),
            done = self.checkpoint.done() => Happened::Checkpoint(done),
            notices = changed(&mut self.membership) => Happened::Membership(notices),
            done = self.intake.next(accepts) => Happened::Intake(done),
            () = timer => Happened::Time,
        }
    }

    /// When there is something to do though nothing happens.
    fn due(&self) -> Option<Instant> {
        let membership = self.membership.as_ref();
        [
            self.dispatch.due(),
            self.checkpoint.due(),
            membership.and_then(|membership| membership.due(self.has_work())),
            self.intake.due(),
            self.stopping,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn take(&mut self, happened: Happened) -> Result<(), Error> {
        match happened {
            Happened::Stop => self.stop(),
            Happened::Dispatch(done) => match self.dispatch.ended(done) {
                Some(Outcome::Finished(job)) => self.finish(&job),
                Some(Outcome::Retry(job, at)) => self.retry(job, at),
                None => {}
            },
            Happened::Checkpoint(checkpoint::Done::Flushed(flushed)) => {
                let lost = self.checkpoint.flushed(flushed);
                self.lose(&lost);
                self.drop_partitions(lost);
            }
            Happened::Checkpoint(checkpoint::Done::Acquired(acquired)) => {
                if self.stopping.is_none() {
                    self.acquired(acquired);
                }
            }
            Happened::Membership(notices) => return self.notices(notices),
            Happened::Intake(intake::Done::Event(index, event)) => {
                return self.event(index, event);
            }
            Happened::Intake(intake::Done::Opened(opening)) => {
                let held = self.checkpoint.still_taking(Intake::epochs(&opening));
                let taken = self.checkpoint.taking();
                let actions = self.intake.opened(opening, &held, &taken)?;
                self.perform(actions);
            }
            Happened::Intake(intake::Done::Replay(replay)) => self.replay(replay),
            Happened::Time => {}
        }
        Ok(())
    }

    fn event(
        &mut self,
        index: usize,
        event: Option<keywell_store::Result<keywell_store::Event>>,
    ) -> Result<(), Error> {
        let ended = match event {
            Some(Ok(event)) => {
                let action = self.intake.event(index, event);
                self.perform(action);
                return Ok(());
            }
            Some(Err(error)) => self.intake.watch_ended(index, Some(&error)),
            None => self.intake.watch_ended(index, None),
        };
        let Reopen { stand, broke_off } = ended?;
        let epochs = self.checkpoint.epochs(stand.partitions());
        self.intake.open(vec![stand], broke_off, epochs);
        Ok(())
    }

    fn perform(&mut self, actions: impl IntoIterator<Item = Action>) {
        for action in actions {
            match action {
                Action::Deliver(partition, event, token, hops) => {
                    if let Some(ticket) = self.checkpoint.begin(partition, token.as_ref()) {
                        let job = Job::new(event, ticket, JobSource::Watch, hops);
                        self.dispatch.push(job);
                    }
                }
                Action::DeliverPresent(partition, event) => {
                    if let Some(ticket) = self.checkpoint.begin(partition, None) {
                        let job = Job::new(event, ticket, JobSource::Present, 0);
                        self.dispatch.push(job);
                    }
                }
                Action::Pass(partition, token) => {
                    self.checkpoint.pass(partition, token.as_ref());
                }
            }
        }
    }

    /// Delivers a dead letter again. Those of other partitions are for the processes that own them.
    fn replay(&mut self, Replay { id, event }: Replay) {
        let partition = self.partition_of(&event.key);
        if !self.checkpoint.taking().contains(&partition) || !self.intake.replays().begin(&id) {
            return;
        }
        if let Some(ticket) = self.checkpoint.begin_beside(partition) {
            let job = Job::new(event, ticket, JobSource::Replay(id), 0);
            self.dispatch.push(job);
        }
    }

    fn finish(&mut self, job: &Job) {
        self.dispatch.finish(job);
        self.checkpoint.finish(job.ticket);
        if let JobSource::Replay(id) = &job.source {
            self.intake.replays().end(id);
        }
    }

    /// Puts an event back, unless it comes again by itself or another process has it.
    fn retry(&mut self, job: Job, at: Instant) {
        let is_held = self.checkpoint.holds(job.ticket);
        let comes_again = job.source.comes_again(self.checkpoint.is_resumable());
        let is_left = self.stopping.is_some() && comes_again;
        if is_held && !is_left {
            return self.dispatch.put_back(job, at);
        }
        self.dispatch.finish(&job);
        if let JobSource::Replay(id) = &job.source {
            self.checkpoint.end(job.ticket);
            self.intake.replays().end(id);
        }
    }

    /// Lets positions move past what the trigger does not subscribe to, and what others have.
    fn advance(&mut self) {
        let actions = self.intake.advance();
        self.perform(actions);
    }

    fn stop(&mut self) {
        let grace = self.dispatch.timeout() + Duration::from_secs(1);
        self.stopping = Some(Instant::now() + grace);
        self.advance();
        self.intake.stop();
        self.dispatch.stop_preparing();
        let is_resumable = self.checkpoint.is_resumable();
        if let Some(membership) = self.membership.as_mut().filter(|_| !is_resumable) {
            membership.depart();
        }
        let checkpoint = &mut self.checkpoint;
        self.dispatch.forget(|job| {
            if let JobSource::Replay(_) = job.source {
                checkpoint.end(job.ticket);
            }
            job.source.comes_again(is_resumable)
        });
    }

    fn is_over(&self, now: Instant) -> bool {
        let Some(until) = self.stopping else {
            return false;
        };
        if now >= until {
            let (trigger, unfinished) = (&*self.trigger, self.dispatch.events());
            tracing::warn!(trigger, unfinished, "stopping before all is delivered");
            return true;
        }
        self.dispatch.is_idle() && !self.is_departing()
    }

    async fn end(&mut self) {
        self.dispatch.shutdown().await;
        let last_words = async {
            self.checkpoint.close().await;
            if let Some(membership) = self.membership.take() {
                membership.leave().await;
            }
        };
        let last_words = tokio::time::timeout(Self::LAST_WORDS, last_words).await;
        let trigger = &*self.trigger;
        if last_words.is_err() {
            tracing::warn!(
                trigger,
                "the store did not take the last position in time; some events will be delivered again"
            );
        }
        self.intake.close();
        tracing::info!(trigger, "stopped: {}", self.counters.read());
    }
}

async fn changed(membership: &mut Option<Membership>) -> Vec<Notice> {
    match membership {
        Some(membership) => membership.changed().await,
        None => std::future::pending().await,
    }
}
