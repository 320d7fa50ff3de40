//! Takes events in: from watches, from keys that are read again after a gap, and from dead letters
//! that are to be delivered again.
//!
//! - Events of one key are taken in the order of the store.
//! - After a gap, which is counted and logged, keys that are named in full are read again; what is
//!   read is not delivered behind an event of the same key that came later.
//! - A watch that ends is opened again from where it was. While the store is away, that waits.
//! - Partitions whose tokens are no longer of use are opened and read again as one, so that is one
//!   gap. Their stored positions stay before the gap until what was read is finished.

pub(crate) mod coalesced;
pub(crate) mod opener;
pub(crate) mod replays;
pub(crate) mod seen;
pub(crate) mod sources;

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use keywell_store::{BoxFuture, Event, Invalid, ResumeToken};

use crate::Error;
use crate::watch::counters::Counters;
use crate::watch::event::KeyEvent;
use crate::watch::hops::Chain;
use crate::watch::intake::coalesced::CoalescedLog;
use crate::watch::intake::opener::{Opened, Opener, Stand};
use crate::watch::intake::replays::{Replay, Replays};
use crate::watch::intake::seen::SeenKeys;
use crate::watch::intake::sources::Sources;
use crate::watch::membership::partition;
use crate::watch::subscriptions::Subscriptions;

/// Where the events of a trigger come from.
pub(crate) struct Intake {
    trigger: Arc<str>,
    subscriptions: Subscriptions,
    opener: Opener,
    is_resumable: bool,
    counters: Arc<Counters>,
    chain: Chain,
    /// How many partitions the keys are in.
    partitions: u8,
    sources: Sources,
    openings: FuturesUnordered<BoxFuture<Opening>>,
    seen: SeenKeys,
    coalesced: CoalescedLog,
    replays: Replays,
}

/// What is taken at present.
#[derive(Clone, Copy)]
pub(crate) struct Accepts {
    pub(crate) events: bool,
    pub(crate) replays: bool,
    pub(crate) openings: bool,
}

/// What came.
pub(crate) enum Done {
    /// An event of the watch with this number; `None` where the watch ended.
    Event(usize, Option<keywell_store::Result<Event>>),
    Opened(Opening),
    Replay(Replay),
}

/// Watches that are being opened, or named keys that are read again.
pub(crate) struct Opening {
    /// The partitions that it is for, each with its epoch.
    epochs: Vec<(u8, u64)>,
    ended: keywell_store::Result<Reopened>,
}

enum Reopened {
    Watches(Vec<Opened>),
    /// What was read, and the moment of [`Intake::seen`] at which that began.
    Present(Vec<(String, Option<Bytes>)>, u64),
}

/// What the caller is to do with what came.
pub(crate) enum Action {
    /// Deliver an event of a watch, which has this token.
    Deliver(u8, KeyEvent, Option<ResumeToken>, u32),
    /// Deliver what a key holds after a gap.
    DeliverPresent(u8, KeyEvent),
    /// The watch has reached a token, with no event for the trigger.
    Pass(u8, Option<ResumeToken>),
}

/// A watch to open again.
pub(crate) struct Reopen {
    pub(crate) stand: Stand,
    pub(crate) broke_off: bool,
}

// === impl Intake ===

impl Intake {
    #[expect(clippy::too_many_arguments, reason = "each is a field")]
    pub(crate) fn new(
        trigger: Arc<str>,
        subscriptions: Subscriptions,
        opener: Opener,
        is_resumable: bool,
        counters: Arc<Counters>,
        chain: Chain,
        partitions: u8,
        replays: Replays,
    ) -> Self {
        Self {
            trigger,
            subscriptions,
            opener,
            is_resumable,
            counters,
            chain,
            partitions,
            sources: Sources::default(),
            openings: FuturesUnordered::new(),
            seen: SeenKeys::default(),
            coalesced: CoalescedLog::new(Instant::now()),
            replays,
        }
    }

    pub(crate) fn replays(&mut self) -> &mut Replays {
        &mut self.replays
    }

    /// Takes events from the watch that was opened when the trigger was made.
    pub(crate) fn begin(&mut self, opened: Opened) -> Vec<Action> {
        let partitions = opened.source.partitions().to_vec();
        let reached = opened.source.last().cloned();
        self.sources.add(opened.source);
        if !opened.is_gap {
            return Vec::new();
        }
        self.gap("the history does not reach back to where the trigger stopped");
        self.present(opened.present, &partitions, reached.as_ref())
    }

    /// Waits for what comes next. Nothing is lost if it is cancelled.
    pub(crate) async fn next(&mut self, accepts: Accepts) -> Done {
        let event = poll_fn(|cx| self.sources.poll_next(cx));
        tokio::select! {
            biased;
            Some(opened) = self.openings.next(), if accepts.openings => Done::Opened(opened),
            replay = self.replays.next(), if accepts.replays => Done::Replay(replay),
            (index, event) = event, if accepts.events => Done::Event(index, event),
            else => std::future::pending().await,
        }
    }

    /// An event that is there by now, if there is one.
    pub(crate) fn next_now(&mut self) -> Option<(usize, Option<keywell_store::Result<Event>>)> {
        let next = poll_fn(|cx| Poll::Ready(self.sources.poll_next(cx)));
        let next = tokio::task::unconstrained(next).now_or_never();
        match next {
            Some(Poll::Ready(next)) => Some(next),
            _ => None,
        }
    }

    /// Takes an event of a watch.
    pub(crate) fn event(&mut self, index: usize, event: Event) -> Option<Action> {
        let source = self.sources.get_mut(index)?;
        self.counters.coalesced(source.take_coalesced());
        let (key, value, token) = match event {
            Event::Set {
                key, value, token, ..
            } => (key, Some(value), token),
            Event::Delete { key, token, .. } => (key, None, token),
            Event::Gap => {
                self.gap("the store missed changes");
                return None;
            }
            _ => return None,
        };
        source.reach(token.as_ref());
        let partition = partition(&key, self.partitions);
        let is_taken = source.partitions().contains(&partition);
        self.sources.merge(index);
        is_taken.then(|| {
            let event = KeyEvent {
                key: key.into(),
                value,
            };
            // Asked for every event, since those without a subscription show which writes are past.
            let hops = self.chain.hops(&event.key, event.value.as_ref());
            if !self.subscribes(&event) {
                return Action::Pass(partition, token);
            }
            self.note(&event);
            Action::Deliver(partition, event, token, hops)
        })
    }

    fn subscribes(&self, event: &KeyEvent) -> bool {
        self.subscriptions.matches(event.operation(), &event.key)
    }

    /// Notes an event of a key that may be read again meanwhile. A store that can resume repeats no
    /// event from before.
    fn note(&mut self, event: &KeyEvent) {
        if !self.is_resumable && self.opener.names(&event.key) {
            self.seen.note(&event.key);
        }
    }

    pub(crate) fn gap(&self, why: &str) {
        self.counters.gap();
        let trigger = &*self.trigger;
        tracing::warn!(
            trigger,
            "changes were missed: {why}; keys that are named in full are read again"
        );
    }

    /// Delivers what named keys of some partitions hold after a gap. When that is finished, positions
    /// move to where the watch was opened behind it.
    fn present(
        &mut self,
        present: Vec<(String, Option<Bytes>)>,
        partitions: &[u8],
        reached: Option<&ResumeToken>,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        for (key, value) in present {
            let event = KeyEvent {
                key: key.into(),
                value,
            };
            let partition = partition(&event.key, self.partitions);
            if partitions.contains(&partition) && self.subscribes(&event) {
                self.note(&event);
                actions.push(Action::DeliverPresent(partition, event));
            }
        }
        let passed = partitions.iter();
        actions.extend(passed.map(|partition| Action::Pass(*partition, reached.cloned())));
        actions
    }

    /// A watch ended. Returns what to open instead of it.
    ///
    /// # Errors
    ///
    /// Where the store refuses for good to go on.
    pub(crate) fn watch_ended(
        &mut self,
        index: usize,
        ended: Option<&keywell_store::Error>,
    ) -> Result<Reopen, Error> {
        let mut source = self.sources.remove(index);
        self.counters.coalesced(source.take_coalesced());
        source.advance();
        let trigger = &*self.trigger;
        let is_lost = match ended {
            Some(keywell_store::Error::Invalid(Invalid::Compacted | Invalid::Token)) => true,
            Some(error) if !error.may_pass() => return Err(self.refused(error)),
            Some(error) => {
                tracing::warn!(trigger, %error, "the watch broke off");
                false
            }
            None => {
                tracing::warn!(trigger, "the watch ended");
                false
            }
        };
        let is_gap = is_lost || !self.is_resumable;
        let after = source.last().filter(|_| !is_gap).cloned();
        Ok(Reopen {
            stand: Stand::new(after, is_gap, source.partitions().to_vec()),
            broke_off: !is_lost,
        })
    }

    /// Opens watches for partitions that were acquired, but for those that a watch has come to just
    /// now. Returns where to open them.
    pub(crate) fn join(
        &mut self,
        partition: u8,
        token: Option<ResumeToken>,
        is_gap: bool,
        stands: &mut Vec<Stand>,
    ) {
        match token.as_ref().and_then(|token| self.sources.at(token)) {
            Some(source) => source.add_partitions([partition]),
            None => Stand::add(stands, token, is_gap, partition),
        }
    }

    /// Opens watches for partitions, which have these epochs.
    pub(crate) fn open(&mut self, stands: Vec<Stand>, broke_off: bool, epochs: Vec<(u8, u64)>) {
        let opening = self.opener.clone().open_at_length(stands, broke_off);
        self.openings.push(Box::pin(async move {
            let ended = opening.await.map(Reopened::Watches);
            Opening { epochs, ended }
        }));
    }

    /// Takes events of partitions from the one watch of a store that repeats none. Returns whether
    /// there is one: a watch that is being opened is for all partitions, and reads named keys itself.
    pub(crate) fn extend(&mut self, partitions: &BTreeSet<u8>) -> bool {
        match self.sources.iter_mut().next() {
            Some(source) => {
                source.add_partitions(partitions.iter().copied());
                true
            }
            None => false,
        }
    }

    /// Reads the named keys of partitions again, which have these epochs.
    pub(crate) fn read_again(&mut self, epochs: Vec<(u8, u64)>) {
        let opener = self.opener.clone();
        let began = self.seen.now();
        self.openings.push(Box::pin(async move {
            let present = opener.present_at_length().await;
            let ended = present.map(|present| Reopened::Present(present, began));
            Opening { epochs, ended }
        }));
    }

    /// Takes events from watches that were opened, for those of their partitions that are still
    /// `held`; where there is but one watch, for all whose events are `taken`.
    ///
    /// # Errors
    ///
    /// Where the store refuses for good to go on.
    pub(crate) fn opened(
        &mut self,
        opening: Opening,
        held: &[u8],
        taken: &[u8],
    ) -> Result<Vec<Action>, Error> {
        let reopened = opening.ended.map_err(|error| self.refused(&error))?;
        Ok(match reopened {
            Reopened::Watches(opened) => {
                let mut actions = Vec::new();
                for opened in opened {
                    actions.extend(self.watch_opened(opened, held, taken));
                }
                actions
            }
            Reopened::Present(mut present, began) => {
                present.retain(|(key, _)| !self.seen.has_since(key, began));
                self.present(present, held, None)
            }
        })
    }

    fn watch_opened(&mut self, opened: Opened, held: &[u8], taken: &[u8]) -> Vec<Action> {
        let mut source = opened.source;
        if self.is_resumable {
            source.retain(|partition| held.contains(&partition));
            if source.partitions().is_empty() {
                return Vec::new();
            }
        } else {
            source.retain(|_| false);
            source.add_partitions(taken.iter().copied());
        }
        let mut actions = Vec::new();
        if opened.is_gap {
            self.gap("the store does not repeat what came after the last event seen");
            let (partitions, last) = (source.partitions().to_vec(), source.last().cloned());
            actions = self.present(opened.present, &partitions, last.as_ref());
        }
        let index = self.sources.add(source);
        self.sources.merge(index);
        actions
    }

    /// The partitions of an opening, each with its epoch.
    pub(crate) fn epochs(opening: &Opening) -> &[(u8, u64)] {
        &opening.epochs
    }

    /// Takes no more events of partitions.
    pub(crate) fn remove(&mut self, partitions: &BTreeSet<u8>) {
        for source in self.sources.iter_mut() {
            source.retain(|partition| !partitions.contains(&partition));
        }
    }

    /// Ends watches whose events are for no partition.
    pub(crate) fn drop_unused(&mut self) {
        self.sources.drop_unused();
    }

    /// How far the watches have come past what is not for the trigger.
    pub(crate) fn advance(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        for source in self.sources.iter_mut() {
            source.advance();
            let last = source.last().cloned();
            let partitions = source.partitions().iter();
            actions.extend(partitions.map(|partition| Action::Pass(*partition, last.clone())));
        }
        actions
    }

    /// When there is something to log.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.coalesced.due(&self.counters)
    }

    /// Logs what the store coalesced, when it is time.
    pub(crate) fn log_coalesced(&mut self, now: Instant) {
        self.coalesced.log(&self.trigger, &self.counters, now);
    }

    /// Opens no more watches.
    pub(crate) fn stop(&mut self) {
        self.openings.clear();
    }

    /// Counts what is left to be counted, at the end.
    pub(crate) fn close(&mut self) {
        for source in self.sources.iter_mut() {
            self.counters.coalesced(source.take_coalesced());
        }
        self.coalesced.log_now(&self.trigger, &self.counters);
    }

    fn refused(&self, error: &keywell_store::Error) -> Error {
        Error::Watch {
            trigger: self.trigger.to_string(),
            problem: format!("can watch no longer: {error}"),
        }
    }
}
