//! One member of a group, as a state machine: no clock, no I/O, no randomness.
//!
//! [`Member::on`] takes the time and an event, changes the member, and returns effects. It promises,
//! as long as clocks run at rates that differ by less than a fifth:
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

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::messages::{Assignment, Effect, Event, Identity, Notice, Strategy, Workload};
use super::partition::PARTITIONS;
use super::record::Record;

/// How far a member is in leaving the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Member,
    /// It is to leave the record, and to be done by then.
    Departing(Instant),
    /// It has left the record, and others take over until then.
    Departed(Instant),
    /// What comes from now on is for others.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Admit,
    Renew,
    Leave,
}

/// Reads and writes of the record that belong together.
#[derive(Debug)]
struct Round {
    goal: Goal,
    /// When the read began that the latest swap is based on.
    began: Instant,
    tries: u32,
    /// What to give away.
    released: BTreeSet<u8>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Watching,
    Reading,
    Swapping(Box<(Record, Planned)>),
    /// For a heartbeat of others, before the group is read again.
    Waiting(Instant),
}

/// What becomes true once a record is written.
#[derive(Debug, Default)]
struct Planned {
    owned: BTreeSet<u8>,
    surplus: BTreeSet<u8>,
    orphaned: BTreeSet<u8>,
    offered: BTreeSet<u8>,
    handed_over: BTreeSet<u8>,
    evicted: BTreeSet<String>,
}

#[derive(Debug)]
struct Heartbeat {
    number: u64,
    since: Instant,
}

/// The state of a member.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is true or not by itself"
)]
pub(crate) struct Member<V> {
    identity: Identity,
    phase: Phase,
    round: Option<Round>,
    /// Whether to leave when the round under way ends.
    is_leaving: bool,
    /// Whether this member may have left already, by a swap whose answer was lost.
    may_have_left: bool,
    is_locked: bool,
    is_watching: bool,
    /// The highest number that this member may have written.
    heartbeat: u64,
    /// That of the latest renewal that was written.
    acknowledged: u64,
    /// When that renewal began.
    renewed: Option<Instant>,
    was_evicted: bool,
    /// When to renew though there is no work; never, where no other member is there.
    renew_at: Option<Instant>,
    /// From when on there is no work without a renewal.
    stale_at: Instant,
    /// The partitions whose events the owner takes: those that are owned, and those offered.
    held: BTreeSet<u8>,
    /// Those of them that the owner is to finish.
    draining: BTreeSet<u8>,
    /// Those of them that are to be offered with the next renewal.
    surplus: BTreeSet<u8>,
    /// Those of them that were given away, and are not known to be another's.
    offered: BTreeSet<u8>,
    /// What a swap without an answer took the marks off, if it was done.
    adopted: BTreeSet<u8>,
    /// Whether a swap without an answer may have claimed partitions.
    may_have_claimed: bool,
    heartbeats: BTreeMap<String, Heartbeat>,
    /// Members that are known to have ended.
    ended: BTreeSet<String>,
    /// The record as this member wrote it last. Others may have written since.
    written: Option<(Record, V)>,
    /// The record with which this member asked others for a heartbeat.
    probe: Option<Record>,
    #[cfg(test)]
    defect: Option<Defect>,
}

/// What can be planted, so that the simulation proves that it finds it.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// A lease is valid for longer than it takes to be evicted.
    LongValidity,
    /// A swap without an answer counts as done.
    IgnoresLostSwap,
    /// The heartbeat begins at 1 after an eviction, and may be one that others have seen.
    RepeatsHeartbeats,
    /// A member that was evicted keeps what it had.
    IgnoresEviction,
    /// No member is ever evicted.
    NeverEvicts,
    /// What is given away is given up at once, though events are there once.
    GivesUpEarly,
    /// Events are taken while a claim is under way, though they may be this member's.
    HidesClaims,
    /// Partitions are released before the owner has finished them.
    ReleasesEarly,
}

// === impl Member ===

impl<V: Clone> Member<V> {
    /// The number of tries; each member that writes at the same time makes one fail.
    const TRIES: u32 = 64;

    pub(crate) fn new(identity: Identity, now: Instant) -> Self {
        Self {
            identity,
            phase: Phase::Member,
            round: None,
            is_leaving: false,
            may_have_left: false,
            is_locked: false,
            is_watching: false,
            heartbeat: 0,
            acknowledged: 0,
            renewed: None,
            was_evicted: false,
            renew_at: Some(now),
            stale_at: now,
            held: BTreeSet::new(),
            draining: BTreeSet::new(),
            surplus: BTreeSet::new(),
            offered: BTreeSet::new(),
            adopted: BTreeSet::new(),
            may_have_claimed: false,
            heartbeats: BTreeMap::new(),
            ended: BTreeSet::new(),
            written: None,
            probe: None,
            #[cfg(test)]
            defect: None,
        }
    }

    /// Takes note of an event, and returns what is to be done for it.
    pub(crate) fn on(&mut self, now: Instant, event: Event<V>) -> Vec<Effect<V>> {
        match event {
            Event::Admit => self.begin(Goal::Admit, now, BTreeSet::new()),
            Event::Tick(workload) => self.tick(now, &workload),
            Event::Watching(is_watching) => self.watching(now, is_watching),
            Event::Read(stored, ended) => {
                self.ended.extend(ended);
                self.decide(now, stored)
            }
            Event::Swapped(version) => self.swapped(now, Some(version)),
            Event::Stale => self.stale(now),
            Event::Failed => self.failed(now),
            Event::Changed(record) => self.changed(now, record.as_deref()),
            Event::Dropped(partitions) => {
                self.held.retain(|held| !partitions.contains(held));
                self.renew_at = self.renew_at.or(Some(self.stale_at));
                Vec::new()
            }
            Event::Depart => {
                // A member that does not learn of it from the record sees it when it renews, and
                // one that is dead is evicted by then.
                self.phase = Phase::Departing(now + 3 * self.period());
                self.renew_at = Some(now);
                Vec::new()
            }
            Event::Leave if self.round.is_some() => {
                self.is_leaving = true;
                Vec::new()
            }
            Event::Leave => self.leave(now),
        }
    }

    /// How often a lease is renewed.
    fn period(&self) -> Duration {
        self.identity.lease / 3
    }

    fn validity(&self) -> Duration {
        #[cfg(test)]
        if self.has(Defect::LongValidity) {
            return self.identity.lease * 2;
        }
        self.identity.lease / 6 * 5
    }

    fn overlaps(&self) -> bool {
        self.identity.strategy == Strategy::Overlapping
    }

    pub(crate) fn name(&self) -> &str {
        &self.identity.name
    }

    /// Whether it has been in the group, and so knows which partitions are its own.
    pub(crate) fn has_joined(&self) -> bool {
        self.renewed.is_some()
    }

    /// Whether the owner may work: no other member owns what this one holds.
    pub(crate) fn is_valid(&self, now: Instant) -> bool {
        // What a member that departed has yet to finish, no other has taken as its own.
        let has_departed = matches!(self.phase, Phase::Departed(_) | Phase::Gone);
        has_departed
            || self
                .renewed
                .is_some_and(|renewed| now < renewed + self.validity())
    }

    /// Whether partitions are being taken whose events another member takes until then. Events that
    /// come meanwhile may be this member's, so they must not be passed over.
    pub(crate) fn is_claiming(&self) -> bool {
        #[cfg(test)]
        if self.has(Defect::HidesClaims) {
            return false;
        }
        let stage = self.round.as_ref().map(|round| &round.stage);
        let claims = match stage {
            Some(Stage::Swapping(swap)) => !swap.1.owned.is_subset(&self.held),
            _ => self.may_have_claimed,
        };
        self.overlaps() && claims
    }

    /// Whether it takes events only until others have its partitions.
    pub(crate) fn is_departing(&self) -> bool {
        matches!(self.phase, Phase::Departing(_) | Phase::Departed(_))
    }

    /// Whether others take all events that come from now on.
    #[cfg(test)]
    pub(crate) fn has_departed(&self) -> bool {
        self.phase == Phase::Gone
    }

    /// Whether an effect is under way whose end the driver is to report.
    pub(crate) fn is_busy(&self) -> bool {
        let stage = self.round.as_ref().map(|round| &round.stage);
        !matches!(stage, None | Some(Stage::Waiting(_)))
    }

    /// When the next tick is due without an event.
    pub(crate) fn due(&self, has_work: bool) -> Option<Instant> {
        let departs = match self.phase {
            Phase::Departing(until) | Phase::Departed(until) => Some(until),
            Phase::Member | Phase::Gone => None,
        };
        let stage = self.round.as_ref().map(|round| &round.stage);
        let round = match stage {
            Some(Stage::Waiting(until)) => Some(*until),
            Some(_) => None,
            None => self.renewal_due(has_work),
        };
        departs.into_iter().chain(round).min()
    }

    fn renewal_due(&self, has_work: bool) -> Option<Instant> {
        let works_until = has_work.then_some(self.stale_at);
        match self.phase {
            Phase::Member => self.renew_at.into_iter().chain(works_until).min(),
            Phase::Departing(_) => self.renew_at,
            Phase::Departed(_) | Phase::Gone => None,
        }
    }

    fn tick(&mut self, now: Instant, workload: &Workload) -> Vec<Effect<V>> {
        let mut effects = Vec::new();
        if let Phase::Departing(until) | Phase::Departed(until) = self.phase
            && now >= until
        {
            self.phase = Phase::Gone;
            let rest = std::mem::take(&mut self.held);
            self.offered.clear();
            effects.push(Effect::Notify(Notice::Abandoned(rest)));
        }
        if let Some(Round {
            stage: Stage::Waiting(until),
            ..
        }) = self.round
            && now >= until
        {
            effects.extend(self.read(now));
        }
        let is_due = self
            .renewal_due(workload.has_work)
            .is_some_and(|due| now >= due);
        if self.round.is_some() || !is_due {
            return effects;
        }
        if let Phase::Departing(_) = self.phase {
            self.renew_at = None;
            effects.extend(self.begin(Goal::Leave, now, BTreeSet::new()));
        } else {
            self.stale_at = now + self.period();
            self.renew_at = Some(self.stale_at);
            let released = self.to_release(workload);
            effects.extend(self.begin(Goal::Renew, now, released));
        }
        effects
    }

    fn to_release(&self, workload: &Workload) -> BTreeSet<u8> {
        #[cfg(test)]
        if self.has(Defect::ReleasesEarly) && !self.overlaps() {
            return self.draining.clone();
        }
        if self.overlaps() {
            self.surplus.clone()
        } else {
            &workload.drained & &self.draining
        }
    }

    fn begin(&mut self, goal: Goal, now: Instant, released: BTreeSet<u8>) -> Vec<Effect<V>> {
        self.round = Some(Round {
            goal,
            began: now,
            tries: 0,
            released,
            stage: Stage::Watching,
        });
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
        let name = &self.identity.name;
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
        let (record, version) = stored.map_or((Record::default(), None), |(record, version)| {
            (record, Some(version))
        });
        match self.round.as_ref().map(|round| round.goal) {
            Some(Goal::Admit) => self.admit(now, record, version),
            Some(Goal::Renew) => self.renew(now, record, version),
            Some(Goal::Leave) => self.resign(now, record, version),
            None => Vec::new(),
        }
    }

    /// Admits this member where the group has its purpose. Members with another purpose are waited
    /// for, until one of them renews or all of them are evicted.
    fn admit(&mut self, now: Instant, mut record: Record, version: Option<V>) -> Vec<Effect<V>> {
        let is_free = record.members().next().is_none();
        if record.purpose() == self.identity.purpose || is_free {
            return self.end_round(now, Notice::Admitted);
        }
        let is_alive = |before: &Record| {
            let mut heartbeats = record.heartbeats().iter();
            heartbeats.any(|(member, number)| before.heartbeats().get(member) != Some(number))
        };
        if self.probe.as_ref().is_some_and(is_alive) {
            return self.end_round(now, Notice::Refused);
        }
        let evicted = self.evict(&mut record, now);
        if self.probe.is_some() && evicted.is_empty() {
            return self.wait(now);
        }
        // Members that are alone and idle renew when they are asked.
        record.probe();
        self.swap(record, version, Planned::default())
    }

    fn wait(&mut self, now: Instant) -> Vec<Effect<V>> {
        let until = now + self.period() / 4;
        if let Some(round) = &mut self.round {
            round.stage = Stage::Waiting(until);
        }
        Vec::new()
    }

    /// Renews the lease: gives away what is to be released, evicts members whose lease expired, and
    /// claims free partitions up to a fair share.
    fn renew(&mut self, now: Instant, mut record: Record, version: Option<V>) -> Vec<Effect<V>> {
        let name = self.identity.name.clone();
        if self.has_joined() && !record.has_member(&name) {
            self.was_evicted = true;
        }
        let evicted = self.evict(&mut record, now);
        if record.purpose() != self.identity.purpose && record.has_others(&name) {
            return self.end_round(now, Notice::Refused);
        }
        let overlaps = self.overlaps();
        let is_empty = record.members().next().is_none();
        if overlaps && is_empty && version.is_some() {
            record.orphan(0..PARTITIONS);
        }
        let Some(round) = &mut self.round else {
            return Vec::new();
        };
        if self.was_evicted {
            // What was to be given away is not this member's any more.
            round.released.clear();
        }
        let released = round.released.clone();
        // Marks that a swap without an answer took off, and whose owner does not know of it yet.
        record.orphan(&self.adopted & &record.owned_by(&name));
        record.release(&name, &released);
        let past = self.past_heartbeat();
        self.heartbeat = record.renew(&name, &self.identity.purpose, past);
        let surplus = record.claim(&name);
        let owned = record.owned_by(&name);
        let orphaned = record.adopt_orphaned(&name);
        let mut given = self.offered.clone();
        if overlaps {
            given.extend(released);
        }
        let given = given.into_iter().filter(|given| !owned.contains(given));
        #[cfg(test)]
        let given = given.filter(|_| self.defect != Some(Defect::GivesUpEarly));
        let (handed_over, offered) = given.partition(|given| record.owner(*given).is_some());
        let planned = Planned {
            owned,
            surplus,
            orphaned,
            offered,
            handed_over,
            evicted,
        };
        self.swap(record, version, planned)
    }

    fn past_heartbeat(&self) -> u64 {
        #[cfg(test)]
        if self.has(Defect::RepeatsHeartbeats) {
            return 0;
        }
        self.heartbeat
    }

    /// Takes this member out of the record.
    fn resign(&mut self, now: Instant, mut record: Record, version: Option<V>) -> Vec<Effect<V>> {
        let name = self.identity.name.clone();
        if !record.has_member(&name) {
            if self.has_joined() && !self.may_have_left {
                self.was_evicted = true;
            }
            return self.resigned(now, &record);
        }
        if self.overlaps() {
            // What it owns and does not know to be its own, it took no events of.
            let unknown = &record.owned_by(&name) - &self.held;
            record.orphan(&unknown | &self.adopted);
        }
        record.leave(&name);
        self.swap(record, version, Planned::default())
    }

    fn swap(&mut self, record: Record, version: Option<V>, planned: Planned) -> Vec<Effect<V>> {
        if let Some(round) = &mut self.round {
            round.stage = Stage::Swapping(Box::new((record.clone(), planned)));
        }
        vec![Effect::Swap(record, version)]
    }

    fn swapped(&mut self, now: Instant, version: Option<V>) -> Vec<Effect<V>> {
        let is_late = |round: &Round| now >= round.began + self.validity();
        if let Some(round) = &self.round
            && round.goal == Goal::Renew
            && is_late(round)
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
                self.renewed = Some(round.began);
                self.acknowledged = self.heartbeat;
                let assignment = self.assign(&round.released, planned);
                let is_alone = !record.has_others(&self.identity.name) && self.is_watching;
                if is_alone && self.draining.is_empty() {
                    self.renew_at = None;
                }
                if !self.surplus.is_empty() || self.is_departing() {
                    self.renew_at = Some(now);
                }
                self.end_round(now, Notice::Assigned(assignment))
            }
        }
    }

    /// Takes note of what a renewal that was written gave and took.
    fn assign(&mut self, released: &BTreeSet<u8>, planned: Planned) -> Assignment {
        let Planned {
            owned,
            surplus,
            orphaned,
            offered,
            handed_over,
            evicted,
        } = planned;
        let was_evicted = std::mem::take(&mut self.was_evicted);
        #[cfg(test)]
        let was_evicted = was_evicted && !self.has(Defect::IgnoresEviction);
        self.may_have_claimed = false;
        let overlaps = self.overlaps();
        let before = std::mem::take(&mut self.held);
        let kept: BTreeSet<u8> = match (was_evicted, overlaps) {
            (true, _) => BTreeSet::new(),
            (false, true) => before.clone(),
            (false, false) => &before - released,
        };
        let stays = |held: &u8| {
            owned.contains(held) || offered.contains(held) || handed_over.contains(held)
        };
        let lost = before
            .into_iter()
            .filter(|held| was_evicted || !stays(held));
        let assignment = Assignment {
            was_evicted,
            evicted,
            lost: lost.collect(),
            draining: if overlaps {
                BTreeSet::new()
            } else {
                surplus.clone()
            },
            acquired: &owned - &kept,
            orphaned: &(&orphaned | &std::mem::take(&mut self.adopted)) & &owned,
            handed_over: &handed_over & &kept,
        };
        self.offered = if was_evicted {
            BTreeSet::new()
        } else {
            offered
        };
        self.held = &owned | &self.offered;
        if overlaps {
            self.surplus = surplus;
        } else {
            self.draining.retain(|held| kept.contains(held));
            self.draining.extend(surplus);
            self.draining.retain(|held| owned.contains(held));
        }
        assignment
    }

    /// Takes note that this member is in the record no longer.
    fn resigned(&mut self, now: Instant, record: &Record) -> Vec<Effect<V>> {
        self.round = None;
        self.written = None;
        let Phase::Departing(until) = self.phase else {
            self.phase = Phase::Gone;
            return vec![Effect::Unlock, Effect::Notify(Notice::Left)];
        };
        let mut effects = Vec::new();
        if std::mem::take(&mut self.was_evicted) {
            self.phase = Phase::Gone;
            self.offered.clear();
            let lost = std::mem::take(&mut self.held);
            effects.push(Effect::Notify(Notice::Lost(lost)));
        } else {
            self.phase = Phase::Departed(until);
            self.offered = self.held.clone();
            let has_others = record.has_others(&self.identity.name);
            effects.extend(
                self.hand_over(|partition| !has_others || record.owner(partition).is_some()),
            );
        }
        if self.is_leaving {
            effects.extend(self.leave(now));
        }
        effects
    }

    /// Gives up offered partitions that another member has by now.
    fn hand_over(&mut self, is_taken: impl Fn(u8) -> bool) -> Option<Effect<V>> {
        let offered = std::mem::take(&mut self.offered);
        let (taken, offered): (BTreeSet<u8>, _) = offered
            .into_iter()
            .partition(|partition| is_taken(*partition));
        self.offered = offered;
        self.held.retain(|held| !taken.contains(held));
        if let Phase::Departed(_) = self.phase
            && self.held.is_empty()
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
        round.tries += 1;
        if round.goal != Goal::Admit && round.tries >= Self::TRIES {
            return self.failed(now);
        }
        self.written = None;
        self.read(now)
    }

    fn failed(&mut self, now: Instant) -> Vec<Effect<V>> {
        #[cfg(test)]
        if self.has(Defect::IgnoresLostSwap)
            && let Some(Round {
                stage: Stage::Swapping(..),
                goal: Goal::Renew,
                ..
            }) = self.round
        {
            return self.swapped(now, None);
        }
        self.written = None;
        self.may_have_claimed = self.is_claiming();
        let goal = self.round.as_ref().map(|round| round.goal);
        if let Some(Stage::Swapping(swap)) = self.round.as_ref().map(|round| &round.stage) {
            self.adopted.extend(&swap.1.orphaned);
            self.may_have_left |= goal == Some(Goal::Leave);
        }
        if self.is_leaving {
            return self.leave(now);
        }
        let again = now + self.period() / 4;
        (self.renew_at, self.stale_at) = (Some(again), again);
        match self.round.take().map(|round| round.goal) {
            Some(Goal::Leave) if !self.is_departing() => {
                vec![Effect::Notify(Notice::Left)]
            }
            _ => Vec::new(),
        }
    }

    fn changed(&mut self, now: Instant, record: Option<&Record>) -> Vec<Effect<V>> {
        if let Some(Round {
            stage: Stage::Waiting(_),
            ..
        }) = self.round
        {
            return self.read(now);
        }
        let Some(record) = record else {
            self.hurry(now);
            return Vec::new();
        };
        let name = self.identity.name.clone();
        if record.concerns(&name, |other| self.heartbeats.contains_key(other)) {
            self.hurry(now);
        }
        if !self.is_recent(record) {
            return Vec::new();
        }
        let effect = self.hand_over(|partition| {
            let owner = record.owner(partition);
            owner.is_some_and(|owner| owner != name)
        });
        effect.into_iter().collect()
    }

    /// Whether a record that was reported is from after this member's latest write: others may have
    /// owned before what they do not own now.
    fn is_recent(&self, record: &Record) -> bool {
        let heartbeat = record.heartbeats().get(self.name());
        match self.phase {
            Phase::Member | Phase::Departing(_) => {
                heartbeat.is_some_and(|number| *number >= self.acknowledged)
            }
            Phase::Departed(_) | Phase::Gone => heartbeat.is_none(),
        }
    }

    /// Renews at once, unless that was done a moment ago: changes that follow each other must not
    /// keep the store busy.
    fn hurry(&mut self, now: Instant) {
        if self.phase == Phase::Member {
            let soonest = self.stale_at.checked_sub(self.period() / 16 * 15);
            self.renew_at = Some(soonest.map_or(now, |soonest| now.max(soonest)));
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

    /// Evicts the members whose heartbeat stood still for a lease, or that are known to have ended.
    fn evict(&mut self, record: &mut Record, now: Instant) -> BTreeSet<String> {
        #[cfg(test)]
        if self.has(Defect::NeverEvicts) {
            return BTreeSet::new();
        }
        self.heartbeats
            .retain(|member, _| record.has_member(member));
        self.ended.retain(|member| record.has_member(member));
        let mut expired = BTreeSet::new();
        for (member, number) in record.heartbeats() {
            if *member == self.identity.name {
                continue;
            }
            let new = || Heartbeat {
                number: *number,
                since: now,
            };
            let seen = self.heartbeats.entry(member.clone()).or_insert_with(new);
            if seen.number != *number {
                *seen = new();
            }
            let silent = now.saturating_duration_since(seen.since);
            if silent > self.identity.lease || self.ended.contains(member) {
                expired.insert(member.clone());
            }
        }
        record.evict(&expired, self.overlaps());
        expired
    }

    /// Whether a partition is given away, or to be with the next renewal.
    #[cfg(test)]
    pub(crate) fn gives_away(&self, partition: u8) -> bool {
        let has_departed = self.phase != Phase::Member;
        has_departed || self.offered.contains(&partition) || self.surplus.contains(&partition)
    }

    #[cfg(test)]
    pub(crate) fn plant(&mut self, defect: Option<Defect>) {
        self.defect = defect;
    }

    #[cfg(test)]
    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }
}
