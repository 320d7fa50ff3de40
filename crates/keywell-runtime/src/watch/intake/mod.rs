//! How a [`Run`] takes events in.

pub(crate) mod coalesced;
pub(crate) mod replays;
pub(crate) mod seen;
pub(crate) mod sources;

use bytes::Bytes;
use keywell_store::{Event, Invalid, ResumeToken};

use crate::Error;
use crate::watch::dispatch::job::{Change, Job, JobSource};
use crate::watch::intake::replays::Replay;
use crate::watch::intake::sources::{Opened, Stand, is_passing};
use crate::watch::membership::{PARTITIONS, partition};
use crate::watch::run::{Opening, Reopened, Run};
use crate::watch::trigger::WatchTrigger;

// === impl Run ===

impl Run {
    pub(crate) fn event(&mut self, index: usize, event: Event) {
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
        let share = partition(&key, self.membership.as_ref().map_or(1, |_| PARTITIONS));
        if source.partitions.contains(&share)
            && let Some(held) = self.partitions.get_mut(&share)
        {
            let change = Change {
                key: key.into(),
                value,
            };
            // Asked of all events, since those that nobody subscribed to tell which writes are past.
            let hops = self.trigger.hops(self.id, &change);
            if self.trigger.subscribes(&change) {
                if self.trigger.is_read_beside(&change.key) {
                    self.told.tell(&change.key);
                }
                let ticket = held.begin(token.as_ref());
                self.lanes
                    .push(Job::new(change, ticket, JobSource::Watch, hops));
            } else {
                held.pass(token.as_ref());
            }
        }
        self.sources.merge(index);
    }

    pub(crate) fn gap(&self, why: &str) {
        self.trigger.counters.gap();
        let trigger = &*self.trigger.name;
        tracing::warn!(
            trigger,
            "changes were missed: {why}; keys that are named in full are read again"
        );
    }

    /// Delivers what named keys of some shares hold after a gap. When that is through, positions move
    /// to where the watch was opened behind it.
    pub(crate) fn deliver_present(
        &mut self,
        present: Vec<(String, Option<Bytes>)>,
        shares: &[u8],
        reached: Option<&ResumeToken>,
    ) {
        for (key, value) in present {
            let change = Change {
                key: key.into(),
                value,
            };
            let share = self.partition_of(&change.key);
            if shares.contains(&share)
                && self.trigger.subscribes(&change)
                && let Some(held) = self.partitions.get_mut(&share)
            {
                if self.trigger.is_read_beside(&change.key) {
                    self.told.tell(&change.key);
                }
                let ticket = held.begin(None);
                self.lanes
                    .push(Job::new(change, ticket, JobSource::Present, 0));
            }
        }
        for share in shares {
            if let Some(held) = self.partitions.get_mut(share) {
                held.pass(reached);
            }
        }
    }

    pub(crate) fn watch_ended(
        &mut self,
        index: usize,
        ended: Option<&keywell_store::Error>,
    ) -> Result<(), Error> {
        let mut source = self.sources.remove(index);
        self.trigger.counters.coalesced(source.coalesced());
        source.advance();
        let trigger = self.trigger.name.clone();
        let is_lost = match ended {
            Some(keywell_store::Error::Invalid(Invalid::Compacted | Invalid::Token)) => true,
            Some(error) if !is_passing(error) => return Err(self.refused(error)),
            Some(error) => {
                tracing::warn!(trigger = &*trigger, %error, "the watch broke off");
                false
            }
            None => {
                tracing::warn!(trigger = &*trigger, "the watch ended");
                false
            }
        };
        let missed = is_lost || !self.is_resumable();
        let after = if missed { None } else { source.last };
        self.open(vec![Stand::new(after, missed, source.partitions)], !is_lost);
        Ok(())
    }

    /// Opens watches for shares from where they stand.
    pub(crate) fn open(&mut self, stands: Vec<Stand>, broke_off: bool) {
        let shares: Vec<u8> = stands
            .iter()
            .flat_map(|stand| &stand.shares)
            .copied()
            .collect();
        let partitions = self.holdings_of(&shares);
        let opener = self.trigger.opener.clone();
        let opening = opener.open_at_length(stands, broke_off);
        self.openings.push(Box::pin(async move {
            Opening {
                partitions,
                ended: opening.await.map(Reopened::Watches),
            }
        }));
    }

    pub(crate) fn holdings_of(&self, shares: &[u8]) -> Vec<(u8, u64)> {
        let held = shares.iter().filter_map(|share| self.partitions.get(share));
        held.map(|held| (held.number, held.holding)).collect()
    }

    pub(crate) fn opened(&mut self, opening: Opening) -> Result<(), Error> {
        let reopened = opening.ended.map_err(|error| self.refused(&error))?;
        let held = self.still_held(&opening.partitions);
        match reopened {
            Reopened::Watches(opened) => {
                for opened in opened {
                    self.watch_opened(opened, &held);
                }
            }
            Reopened::Present(mut present, began) => {
                present.retain(|(key, _)| !self.told.is_told_since(key, began));
                self.deliver_present(present, &held, None);
            }
        }
        Ok(())
    }

    /// Takes events from a watch for those of its shares that are still held.
    fn watch_opened(&mut self, opened: Opened, held: &[u8]) {
        let Opened {
            mut source,
            is_gap,
            present,
        } = opened;
        if self.is_resumable() {
            source.partitions.retain(|share| held.contains(share));
        } else {
            // There is but one watch, also for what was taken since.
            let held = self.partitions.values().filter(|held| !held.is_leaving);
            source.partitions = held.map(|held| held.number).collect();
        }
        if source.partitions.is_empty() && self.is_resumable() {
            return;
        }
        if is_gap {
            self.gap("the store no longer tells what came after the last event seen");
            self.deliver_present(present, &source.partitions, source.last.as_ref());
        }
        let index = self.sources.add(source);
        self.sources.merge(index);
    }

    fn still_held(&self, partitions: &[(u8, u64)]) -> Vec<u8> {
        let is_held = |(share, holding): &&(u8, u64)| {
            let held = self.partitions.get(share);
            held.is_some_and(|held| held.holding == *holding && !held.is_leaving)
        };
        let held = partitions.iter().filter(is_held);
        held.map(|(share, _)| *share).collect()
    }

    pub(crate) fn refused(&self, error: &keywell_store::Error) -> Error {
        Error::Watch {
            trigger: self.trigger.name.to_string(),
            problem: format!("can watch no longer: {error}"),
        }
    }

    pub(crate) fn replay(&mut self, Replay { id, change }: Replay) {
        let share = self.partition_of(&change.key);
        // Whoever is given a share looks for its letters.
        let held = self.partitions.get_mut(&share);
        let Some(held) = held.filter(|held| !held.is_leaving) else {
            return;
        };
        if let Some(is_marked_anew) = self.replaying.get_mut(&id) {
            *is_marked_anew = true;
            return;
        }
        self.replaying.insert(id.clone(), false);
        let ticket = held.begin_beside();
        self.lanes
            .push(Job::new(change, ticket, JobSource::Replay(id), 0));
    }

    /// Looks for letters to send again anew, as there are shares that were not held before.
    pub(crate) fn look_for_replays(&mut self) {
        self.replays = self.trigger.replays();
    }
}

// === impl WatchTrigger ===

impl WatchTrigger {
    pub(crate) fn subscribes(&self, change: &Change) -> bool {
        self.target
            .subscriptions
            .matches(change.operation(), &change.key)
    }

    /// Whether a key may be read again while its events are told. A store that can resume tells none
    /// of them before.
    fn is_read_beside(&self, key: &str) -> bool {
        self.positions.is_none() && self.opener.names(key)
    }

    pub(crate) fn hops(&self, run: u64, change: &Change) -> u32 {
        self.causes
            .hops(run, &self.place, &change.key, change.value.as_ref())
    }
}
