//! One member of a group, as a state machine: no clock, no I/O, no randomness.
//!
//! [`Member::on`] takes the time and an event, changes the member, and returns effects. Its part are
//! the rounds in which it reads and writes the record; [`proposer`] decides what to write, by the
//! member's [`lease`], its [`peers`], and its [`ownership`] of partitions. It promises, as long as
//! clocks run at rates that differ by less than a fifth:
//!
//! - [`Strategy::Resumable`]: no two members hold a partition while both [leases](Member::is_valid)
//!   are valid. A lease is valid for 5/6 of its time from the moment that its renewal began, by the
//!   member's clock; a member is evicted after its heartbeat stood still for a whole lease by the
//!   clock of another.
//! - [`Strategy::Overlapping`]: the same of the partitions that a member owns. Besides these, it
//!   keeps those that it gave away until the record names another owner, so none is without a taker
//!   unless its owner expires; then the next owner learns that events were lost.
//! - A partition without an owner has one within 5/3 of a lease, by the slower clock, and the time of
//!   a few requests, counted from the last failure, while a member is there that reaches the store.

mod defect;
mod lease;
mod ownership;
mod peers;
mod phase;
mod planned;
mod proposer;
mod round;

use std::collections::BTreeSet;
use std::time::Instant;

pub(crate) use self::defect::Defect;
use self::defect::Planted;
use self::lease::Lease;
use self::ownership::{Overlapping, Ownership, Resumable};
use self::peers::Peers;
use self::phase::Phase;
use self::proposer::{Proposal, Proposer};
use self::round::{Goal, Round, Stage};
use super::messages::{Effect, Event, Identity, Notice, Strategy, Workload};
use super::record::Record;

/// The state of a member.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is true or not by itself"
)]
pub(crate) struct Member<V> {
    name: String,
    purpose: String,
    phase: Phase,
    round: Option<Round>,
    /// Whether to leave when the round under way ends.
    is_leaving: bool,
    /// Whether this member may have left already, by a swap whose answer was lost.
    may_have_left: bool,
    is_locked: bool,
    is_watching: bool,
    was_evicted: bool,
    lease: Lease,
    peers: Peers,
    ownership: Box<dyn Ownership>,
    /// The record as this member wrote it last. Others may have written since.
    written: Option<(Record, V)>,
    /// The record with which this member asked others for a heartbeat.
    probe: Option<Record>,
    planted: Planted,
}

// === impl Member ===

impl<V: Clone> Member<V> {
    pub(crate) fn new(identity: Identity, now: Instant) -> Self {
        Self::planted(identity, now, Planted::default())
    }

    #[cfg(test)]
    pub(crate) fn with_defect(identity: Identity, now: Instant, defect: Option<Defect>) -> Self {
        Self::planted(identity, now, Planted::new(defect))
    }

    fn planted(identity: Identity, now: Instant, planted: Planted) -> Self {
        Self {
            name: identity.name,
            purpose: identity.purpose,
            phase: Phase::Member,
            round: None,
            is_leaving: false,
            may_have_left: false,
            is_locked: false,
            is_watching: false,
            was_evicted: false,
            lease: Lease::new(identity.lease, now, planted),
            peers: Peers::new(planted),
            ownership: match identity.strategy {
                Strategy::Resumable => Box::new(Resumable::new(planted)),
                Strategy::Overlapping => Box::new(Overlapping::new(planted)),
            },
            written: None,
            probe: None,
            planted,
        }
    }

    /// Takes note of an event, and returns what is to be done for it.
    pub(crate) fn on(&mut self, now: Instant, event: Event<V>) -> Vec<Effect<V>> {
        match event {
            Event::Admit => self.begin(Goal::Admit, now, BTreeSet::new()),
            Event::Tick(workload) => self.tick(now, &workload),
            Event::Watching(is_watching) => self.watching(now, is_watching),
            Event::Read(stored, ended) => {
                self.peers.note_ended(ended);
                self.decide(now, stored)
            }
            Event::Swapped(version) => self.swapped(now, Some(version)),
            Event::Stale => self.stale(now),
            Event::Failed => self.failed(now),
            Event::Changed(record) => self.changed(now, record.as_deref()),
            Event::Dropped(partitions) => {
                let held = self.ownership.held_mut();
                held.retain(|held| !partitions.contains(held));
                self.lease.renew_next();
                Vec::new()
            }
            Event::Depart if self.ownership.loses_events() => {
                // A member that does not learn of it from the record sees it when it renews, and
                // one that is dead is evicted by then.
                self.phase = Phase::Departing(now + 3 * self.lease.period());
                self.lease.renew_at(Some(now));
                Vec::new()
            }
            Event::Depart | Event::Leave if self.round.is_some() => {
                self.is_leaving = true;
                Vec::new()
            }
            Event::Depart | Event::Leave => self.leave(now),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has been in the group, and so knows which partitions are its own.
    pub(crate) fn has_joined(&self) -> bool {
        self.lease.has_begun()
    }

    /// Whether the owner may work: no other member owns what this one holds.
    pub(crate) fn is_valid(&self, now: Instant) -> bool {
        // What a member that departed has yet to finish, no other has taken as its own.
        self.phase.has_left() || self.lease.is_valid(now)
    }

    /// Whether partitions are being taken whose events another member takes until then. Events that
    /// come meanwhile may be this member's, so they must not be passed over.
    pub(crate) fn is_claiming(&self) -> bool {
        let planned = self.round.as_ref().and_then(Round::planned);
        self.ownership.is_claiming(planned)
    }

    /// Whether it takes events only until others have its partitions.
    pub(crate) fn is_departing(&self) -> bool {
        self.phase.until().is_some()
    }

    /// Whether others take all events that come from now on.
    #[cfg(test)]
    pub(crate) fn has_departed(&self) -> bool {
        self.phase == Phase::Gone
    }

    /// Whether a partition is given away, or to be with the next renewal.
    #[cfg(test)]
    pub(crate) fn gives_away(&self, partition: u8) -> bool {
        self.phase != Phase::Member || self.ownership.gives_away(partition)
    }

    /// Whether an effect is under way whose end the driver is to report.
    pub(crate) fn is_busy(&self) -> bool {
        let round = self.round.as_ref();
        round.is_some_and(|round| round.waits_until().is_none())
    }

    /// When the next tick is due without an event.
    pub(crate) fn due(&self, has_work: bool) -> Option<Instant> {
        let next = match &self.round {
            Some(round) => round.waits_until(),
            None => self.renewal_due(has_work),
        };
        self.phase.until().into_iter().chain(next).min()
    }

    fn renewal_due(&self, has_work: bool) -> Option<Instant> {
        match self.phase {
            Phase::Member => self.lease.due(has_work),
            Phase::Departing(_) | Phase::Departed(_) => self.lease.due(false),
            Phase::Gone => None,
        }
    }

    fn tick(&mut self, now: Instant, workload: &Workload) -> Vec<Effect<V>> {
        let mut effects = Vec::new();
        if self.phase.until().is_some_and(|until| now >= until) {
            self.phase = Phase::Gone;
            let rest = self.ownership.give_up();
            effects.push(Effect::Notify(Notice::Abandoned(rest)));
        }
        let waits_until = self.round.as_ref().and_then(Round::waits_until);
        if waits_until.is_some_and(|until| now >= until) {
            effects.extend(self.read(now));
        }
        let is_due = self
            .renewal_due(workload.has_work)
            .is_some_and(|due| now >= due);
        if self.round.is_some() || !is_due {
            return effects;
        }
        if self.is_departing() {
            self.lease.renew_at(None);
            effects.extend(self.begin(Goal::Leave, now, BTreeSet::new()));
        } else {
            self.lease.begin_renewal(now);
            let released = self.ownership.to_release(workload);
            effects.extend(self.begin(Goal::Renew, now, released));
        }
        effects
    }

    fn begin(&mut self, goal: Goal, now: Instant, released: BTreeSet<u8>) -> Vec<Effect<V>> {
        self.round = Some(Round::new(goal, now, released));
        let mut effects = Vec::new();
        if goal == Goal::Renew && !self.is_locked {
            self.is_locked = true;
            effects.push(Effect::Lock);
        }
        if self.is_watching || goal == Goal::Leave {
            effects.extend(self.read(now));
        } else {
            effects.push(Effect::Watch);
        }
        effects
    }

    fn watching(&mut self, now: Instant, is_watching: bool) -> Vec<Effect<V>> {
        self.is_watching = is_watching;
        match &self.round {
            Some(round) if matches!(round.stage, Stage::Watching) => self.read(now),
            Some(_) => Vec::new(),
            None => self.changed(now, None),
        }
    }

    /// Reads the record. While no other member is there, it is as this one wrote it last.
    fn read(&mut self, now: Instant) -> Vec<Effect<V>> {
        let Some(round) = &mut self.round else {
            return Vec::new();
        };
        round.began = now;
        round.stage = Stage::Reading;
        let written = self.written.take();
        let name = &self.name;
        let is_alone =
            |(record, _): &(Record, V)| record.has_member(name) && !record.has_others(name);
        match written.filter(is_alone) {
            Some(written) if round.goal == Goal::Renew => self.decide(now, Some(written)),
            _ => vec![Effect::Read],
        }
    }

    /// Decides what to write over a record.
    fn decide(&mut self, now: Instant, stored: Option<(Record, V)>) -> Vec<Effect<V>> {
        if self.is_leaving {
            return self.leave(now);
        }
        let Some(round) = &mut self.round else {
            return Vec::new();
        };
        let (record, version) = stored.map_or((Record::default(), None), |(record, version)| {
            (record, Some(version))
        });
        let is_out = self.lease.has_begun() && !record.has_member(&self.name);
        let proposer = Proposer {
            name: &self.name,
            purpose: &self.purpose,
            lease: &mut self.lease,
            peers: &mut self.peers,
            ownership: &*self.ownership,
        };
        let proposal = match round.goal {
            Goal::Admit => proposer.admit(now, record, self.probe.as_ref()),
            Goal::Renew => {
                self.was_evicted |= is_out;
                if self.was_evicted {
                    // What was to be given away is not this member's any more.
                    round.released.clear();
                }
                proposer.renew(now, record, version.is_none(), &round.released)
            }
            Goal::Leave if record.has_member(&self.name) => proposer.resign(record),
            Goal::Leave => {
                self.was_evicted |= is_out && !self.may_have_left && !self.phase.has_left();
                return self.resigned(now, &record);
            }
        };
        match proposal {
            Proposal::Swap(swap) => {
                let record = swap.0.clone();
                round.stage = Stage::Swapping(swap);
                vec![Effect::Swap(record, version)]
            }
            Proposal::Wait => {
                round.stage = Stage::Waiting(now + self.lease.period() / 4);
                Vec::new()
            }
            Proposal::Admitted => self.end_round(now, Notice::Admitted),
            Proposal::Refused => self.end_round(now, Notice::Refused),
        }
    }

    fn swapped(&mut self, now: Instant, version: Option<V>) -> Vec<Effect<V>> {
        if let Some(round) = &self.round
            && round.goal == Goal::Renew
            && self.lease.is_too_late(round.began, now)
        {
            // Others may have evicted this member by now.
            return self.failed(now);
        }
        let Some(round) = self.round.take() else {
            return Vec::new();
        };
        let Stage::Swapping(swap) = round.stage else {
            return Vec::new();
        };
        let (record, planned) = *swap;
        self.written = version.map(|version| (record.clone(), version));
        match round.goal {
            Goal::Admit => {
                self.probe = Some(record);
                self.written = None;
                self.begin(Goal::Admit, now, BTreeSet::new())
            }
            Goal::Leave => self.resigned(now, &record),
            Goal::Renew => {
                self.lease.renewed(round.began);
                let was_evicted = std::mem::take(&mut self.was_evicted)
                    && !self.planted.has(Defect::IgnoresEviction);
                let assignment = self.ownership.assign(planned, &round.released, was_evicted);
                let is_alone = !record.has_others(&self.name) && self.is_watching;
                if is_alone && !self.ownership.is_draining() {
                    self.lease.renew_at(None);
                }
                if self.ownership.has_surplus() || self.is_departing() {
                    self.lease.renew_at(Some(now));
                }
                self.end_round(now, Notice::Assigned(assignment))
            }
        }
    }

    /// Takes note that this member is in the record no longer.
    fn resigned(&mut self, now: Instant, record: &Record) -> Vec<Effect<V>> {
        self.round = None;
        self.written = None;
        let Some(until) = self.phase.until() else {
            self.phase = Phase::Gone;
            return vec![Effect::Unlock, Effect::Notify(Notice::Left)];
        };
        let mut effects = Vec::new();
        if std::mem::take(&mut self.was_evicted) {
            self.phase = Phase::Gone;
            let lost = self.ownership.give_up();
            effects.push(Effect::Notify(Notice::Lost(lost)));
        } else {
            self.phase = Phase::Departed(until);
            // Reports of changes may be lost.
            self.lease.renew_at(Some(now + self.lease.period()));
            self.ownership.offer_all();
            let has_others = record.has_others(&self.name);
            let is_taken = |partition| !has_others || record.owner(partition).is_some();
            effects.extend(self.hand_over(is_taken));
        }
        if self.is_leaving {
            effects.extend(self.leave(now));
        }
        effects
    }

    /// Gives up offered partitions that another member has by now.
    fn hand_over(&mut self, is_taken: impl Fn(u8) -> bool) -> Option<Effect<V>> {
        let taken = self.ownership.hand_over(&is_taken);
        if let Phase::Departed(_) = self.phase
            && self.ownership.held().is_empty()
        {
            self.phase = Phase::Gone;
        }
        (!taken.is_empty()).then(|| Effect::Notify(Notice::HandedOver(taken)))
    }

    fn stale(&mut self, now: Instant) -> Vec<Effect<V>> {
        if self.is_leaving {
            return self.leave(now);
        }
        let Some(round) = &mut self.round else {
            return Vec::new();
        };
        if !round.count_try() {
            return self.failed(now);
        }
        self.written = None;
        self.read(now)
    }

    fn failed(&mut self, now: Instant) -> Vec<Effect<V>> {
        let goal = self.round.as_ref().map(|round| round.goal);
        let planned = self.round.as_ref().and_then(Round::planned);
        if self.planted.has(Defect::IgnoresLostSwap)
            && planned.is_some()
            && goal == Some(Goal::Renew)
        {
            return self.swapped(now, None);
        }
        self.written = None;
        if let Some(planned) = planned {
            self.ownership.lost_answer(planned);
            self.may_have_left |= goal == Some(Goal::Leave);
        }
        if self.is_leaving {
            return self.leave(now);
        }
        self.lease.retry(now);
        self.round = None;
        if goal == Some(Goal::Leave) && !self.is_departing() {
            return vec![Effect::Notify(Notice::Left)];
        }
        Vec::new()
    }

    fn changed(&mut self, now: Instant, record: Option<&Record>) -> Vec<Effect<V>> {
        let round = self.round.as_ref();
        if round.is_some_and(|round| round.waits_until().is_some()) {
            return self.read(now);
        }
        let Some(record) = record else {
            self.hurry(now);
            return Vec::new();
        };
        if record.concerns(&self.name, |other| self.peers.knows(other)) {
            self.hurry(now);
        }
        if !self.is_recent(record) {
            return Vec::new();
        }
        let name = self.name.clone();
        let effect = self.hand_over(|partition| {
            let owner = record.owner(partition);
            owner.is_some_and(|owner| owner != name)
        });
        effect.into_iter().collect()
    }

    /// Whether a record that was reported is from after this member's latest write: others may have
    /// owned before what they do not own now. Records from before it joined look like those from
    /// after it left.
    fn is_recent(&self, record: &Record) -> bool {
        let heartbeat = record.heartbeats().get(&self.name);
        heartbeat.is_some_and(|number| self.lease.is_current(*number))
    }

    fn hurry(&mut self, now: Instant) {
        match self.phase {
            Phase::Member => self.lease.hurry(now),
            Phase::Departed(_) => self.lease.renew_at(Some(now)),
            Phase::Departing(_) | Phase::Gone => {}
        }
    }

    fn leave(&mut self, now: Instant) -> Vec<Effect<V>> {
        self.is_leaving = false;
        match self.phase {
            Phase::Departed(_) | Phase::Gone => {
                self.phase = Phase::Gone;
                vec![Effect::Unlock, Effect::Notify(Notice::Left)]
            }
            Phase::Member | Phase::Departing(_) => {
                self.phase = Phase::Member;
                self.begin(Goal::Leave, now, BTreeSet::new())
            }
        }
    }

    /// Ends the round under way, or continues with what was requested meanwhile.
    fn end_round(&mut self, now: Instant, notice: Notice) -> Vec<Effect<V>> {
        self.round = None;
        let mut effects = vec![Effect::Notify(notice)];
        if self.is_leaving {
            effects.extend(self.leave(now));
        }
        effects
    }
}
