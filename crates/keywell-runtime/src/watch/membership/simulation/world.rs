//! A store and processes in simulated time: messages that are late or lost, processes that pause and
//! die, clocks that run apart. Every run follows from its seed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::super::member::{Defect, Member};
use super::super::messages::{Effect, Event, Identity, Notice, Strategy, Workload};
use super::super::record::Record;
use super::checks::Checks;
use super::process::{LEASE, Process};
use super::schedule::Schedule;
use super::store::Store;

/// How long a process waits for an answer.
const TIMEOUT: Duration = Duration::from_millis(60);

/// What a run is made of, besides its seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) strategy: Strategy,
    pub(super) defect: Option<Defect>,
}

enum What {
    /// A request reaches the store.
    Request(usize, u64, Request),
    /// An answer reaches a process.
    Answer(usize, u64, Event<u64>),
    /// A change of the record reaches a process.
    Change(usize, Option<Arc<Record>>),
    Wake(usize),
    Drained(usize, u8),
    Fault,
    Check,
    Shift,
}

enum Request {
    Watch,
    Read,
    Swap(Box<Record>, Option<u64>),
}

pub(super) struct World {
    setting: Setting,
    rng: StdRng,
    base: Instant,
    schedule: Schedule<What>,
    store: Store,
    processes: Vec<Process>,
    /// Whether there is work for members that have partitions.
    is_busy: bool,
    /// No faults from then on.
    calm_from: Duration,
    /// How often a message is lost, of 1000.
    losses: u32,
    /// When a process died last.
    died: Duration,
    checks: Checks,
}

// === impl World ===

impl World {
    const CALM: Duration = LEASE.saturating_mul(8);

    pub(super) fn new(seed: u64, setting: Setting) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let chaos = LEASE * rng.random_range(3..12);
        let losses = *[0, 5, 30, 120].get(rng.random_range(0..4)).expect("four");
        let mut world = Self {
            setting,
            rng,
            base: Instant::now(),
            schedule: Schedule::new(),
            store: Store::default(),
            processes: Vec::new(),
            is_busy: true,
            calm_from: chaos,
            losses,
            died: Duration::ZERO,
            checks: Checks::default(),
        };
        for _ in 0..world.rng.random_range(1..4) {
            world.start();
        }
        world.schedule.after(Duration::ZERO, What::Fault);
        world.schedule.after(Duration::ZERO, What::Check);
        world.schedule.after(LEASE, What::Shift);
        world
    }

    /// Runs to the end, or to the first broken promise.
    pub(super) fn run(mut self) -> Result<(), String> {
        let end = self.calm_from + Self::CALM;
        while let Some(what) = self.schedule.next_until(end) {
            let now = self.now();
            self.happen(what)
                .map_err(|problem| format!("after {now:?}: {problem}"))?;
        }
        Checks::balanced(&self.processes, self.store.record())
    }

    fn now(&self) -> Duration {
        self.schedule.now()
    }

    fn happen(&mut self, what: What) -> Result<(), String> {
        if let What::Answer(process, ..)
        | What::Change(process, _)
        | What::Wake(process)
        | What::Drained(process, _) = what
        {
            let asleep = &self.processes[process];
            if !asleep.is_alive {
                return Ok(());
            }
            if asleep.paused_until > self.now() {
                self.schedule.at(asleep.paused_until, what);
                return Ok(());
            }
        }
        match what {
            What::Request(process, id, request) => {
                self.request(process, id, request);
                Ok(())
            }
            What::Answer(process, id, event) => {
                if self.processes[process].request != id {
                    return Ok(());
                }
                self.processes[process].request = 0;
                if let Event::Watching(is_watching) = event {
                    self.processes[process].is_watching &= is_watching;
                }
                self.step(process, event)
            }
            What::Change(process, change) => {
                self.processes[process].changes.push_back(change);
                self.pump(process)
            }
            What::Wake(process) => {
                self.processes[process].wake_at = None;
                self.tick(process)
            }
            What::Drained(process, partition) => {
                if let Some(is_drained) = self.processes[process].draining.get_mut(&partition) {
                    *is_drained = true;
                }
                Ok(())
            }
            What::Fault => {
                if self.now() < self.calm_from {
                    self.fault()?;
                    let pause = LEASE.mul_f64(self.rng.random_range(0.02..2.5));
                    self.schedule.after(pause, What::Fault);
                }
                Ok(())
            }
            What::Check => {
                self.schedule.after(LEASE / 6, What::Check);
                let (now, base) = (self.now(), self.base);
                let (is_busy, died) = (self.is_busy, self.died);
                let strategy = self.setting.strategy;
                self.checks
                    .one_owner(now, base, strategy, &self.processes)?;
                self.checks
                    .orphans(now, base, is_busy, died, &self.processes)
            }
            What::Shift => {
                self.is_busy = self.now() >= self.calm_from || self.rng.random_bool(0.7);
                let pause = LEASE.mul_f64(self.rng.random_range(1.0..6.0));
                self.schedule.after(pause, What::Shift);
                let now = self.now();
                for process in 0..self.processes.len() {
                    self.processes[process].mark_unwell(now);
                    self.wake(process);
                }
                Ok(())
            }
        }
    }

    fn start(&mut self) {
        let number = self.processes.len();
        let identity = Identity {
            // Not in the order of their start.
            name: format!("{:04x}{number}", self.rng.random_range(0..0xffff)),
            purpose: "p".to_owned(),
            strategy: self.setting.strategy,
            lease: LEASE,
        };
        let member = Member::with_defect(identity, self.base, self.setting.defect);
        let process = Process::start(member, self.now(), &mut self.rng);
        self.processes.push(process);
        self.schedule.after(Duration::ZERO, What::Wake(number));
    }

    fn fault(&mut self) -> Result<(), String> {
        let alive: Vec<usize> = (0..self.processes.len())
            .filter(|process| self.processes[*process].is_alive)
            .collect();
        let staying = alive
            .iter()
            .filter(|process| !self.processes[**process].is_departing)
            .count();
        if staying == 0 || (alive.len() < 5 && self.rng.random_bool(0.3)) {
            self.start();
            return Ok(());
        }
        let index = alive[self.rng.random_range(0..alive.len())];
        let length = LEASE.mul_f64(self.rng.random_range(0.01..2.5));
        let now = self.now();
        let process = &mut self.processes[index];
        match self.rng.random_range(0..10) {
            0..4 => {
                process.paused_until = process.paused_until.max(now + length);
                process.mark_unwell(now + length);
            }
            4..7 => {
                process.cut_until = now + length;
                process.mark_unwell(now + length + TIMEOUT);
            }
            7..9 => {
                process.is_alive = false;
                self.died = now;
                let owned = |partition: &u8| {
                    let record = self.store.record();
                    let owner = record.and_then(|record| record.owner(*partition));
                    owner == Some(process.member.name()) && !process.member.gives_away(*partition)
                };
                let offered: Vec<u8> = process
                    .taken
                    .iter()
                    .copied()
                    .filter(|partition| !owned(partition))
                    .collect();
                // What it gave away and no other has yet, none can know to be orphaned.
                self.checks.excuse(offered);
            }
            _ if process.has_begun
                && !process.is_departing
                && process.paused_until <= now
                && staying > 1 =>
            {
                process.is_departing = true;
                let event = match self.setting.strategy {
                    Strategy::Resumable => Event::Leave,
                    Strategy::Overlapping => Event::Depart,
                };
                if let Event::Leave = event {
                    // The owner has stopped all work by then.
                    process.taken.clear();
                }
                return self.step(index, event);
            }
            _ => {}
        }
        Ok(())
    }

    fn loses(&mut self, process: usize) -> bool {
        let is_lost = self.now() < self.calm_from && self.rng.random_ratio(self.losses, 1000);
        let is_cut = self.processes[process].cut_until > self.now();
        if is_lost || is_cut {
            let until = self.now() + TIMEOUT;
            self.processes[process].mark_unwell(until);
        }
        is_lost || is_cut
    }

    fn latency(&mut self) -> Duration {
        let millis = match self.rng.random_range(0..50) {
            // Later than it is waited for.
            0 if self.now() < self.calm_from => self.rng.random_range(10..200),
            _ => self.rng.random_range(0..4),
        };
        Duration::from_millis(millis) + Duration::from_micros(self.rng.random_range(0..999))
    }

    fn send(&mut self, process: usize, request: Request) {
        let id = self.schedule.next_number();
        self.processes[process].request = id;
        let failed = match request {
            Request::Watch => Event::Watching(false),
            Request::Read | Request::Swap(..) => Event::Failed,
        };
        let timeout = TIMEOUT.div_f64(self.processes[process].rate);
        self.schedule
            .after(timeout, What::Answer(process, id, failed));
        if !self.loses(process) {
            let latency = self.latency();
            self.schedule
                .after(latency, What::Request(process, id, request));
        }
    }

    fn request(&mut self, process: usize, id: u64, request: Request) {
        let answer = match request {
            Request::Watch => {
                self.processes[process].is_watching = true;
                Event::Watching(true)
            }
            Request::Read => {
                let is_local = self.processes[process].is_local;
                let ended = is_local.then(|| self.store.take_ended(&self.processes));
                Event::Read(self.store.read(), ended.unwrap_or_default())
            }
            Request::Swap(record, expected) => self.swap(*record, expected),
        };
        if !self.loses(process) {
            let latency = self.latency();
            self.schedule
                .after(latency, What::Answer(process, id, answer));
        }
    }

    fn swap(&mut self, record: Record, expected: Option<u64>) -> Event<u64> {
        let Some(version) = self.store.swap(&record, expected) else {
            return Event::Stale;
        };
        if self.setting.strategy == Strategy::Overlapping {
            self.checks.covered(&self.processes, &record);
        }
        let shared = Arc::new(record);
        for watcher in 0..self.processes.len() {
            let process = &self.processes[watcher];
            if !process.is_watching || !process.is_alive || self.loses(watcher) {
                continue;
            }
            // Changes of one key arrive in their order.
            let latency = self.latency();
            let arrives = &mut self.processes[watcher].changes_until;
            *arrives = (*arrives).max(self.schedule.now() + latency);
            let arrives = *arrives;
            let is_known = self.rng.random_ratio(19, 20);
            let change = is_known.then(|| shared.clone());
            self.schedule.at(arrives, What::Change(watcher, change));
        }
        Event::Swapped(version)
    }

    fn tick(&mut self, index: usize) -> Result<(), String> {
        let process = &mut self.processes[index];
        if !std::mem::replace(&mut process.has_begun, true) {
            return self.step(index, Event::Admit);
        }
        let drained = process.draining.iter().filter(|(_, drained)| **drained);
        let workload = Workload {
            has_work: self.is_busy && !process.taken.is_empty(),
            drained: drained.map(|(partition, _)| *partition).collect(),
        };
        self.step(index, Event::Tick(workload))
    }

    /// Wakes a process when its member is due.
    fn wake(&mut self, index: usize) {
        let has_work = self.is_busy && !self.processes[index].taken.is_empty();
        let process = &self.processes[index];
        if !process.has_begun {
            return;
        }
        let Some(due) = process.member.due(has_work) else {
            return;
        };
        let clock = process.clock(self.base, self.now());
        let pause = due.saturating_duration_since(clock).div_f64(process.rate);
        let at = self.now() + pause + Duration::from_micros(5);
        if process.wake_at.is_none_or(|other| at < other) {
            self.processes[index].wake_at = Some(at);
            self.schedule.at(at, What::Wake(index));
        }
    }

    fn step(&mut self, index: usize, event: Event<u64>) -> Result<(), String> {
        let clock = self.processes[index].clock(self.base, self.now());
        let effects = self.processes[index].member.on(clock, event);
        for effect in effects {
            match effect {
                Effect::Watch => self.send(index, Request::Watch),
                Effect::Read => self.send(index, Request::Read),
                Effect::Swap(record, version) => {
                    self.send(index, Request::Swap(Box::new(record), version));
                }
                Effect::Lock => {
                    let process = &self.processes[index];
                    if process.is_local {
                        self.store.lock(process.member.name());
                    }
                }
                Effect::Unlock => {
                    self.store.unlock(self.processes[index].member.name());
                }
                Effect::Notify(notice) => self.notice(index, notice)?,
            }
        }
        let process = &mut self.processes[index];
        if process.is_departing
            && process.is_alive
            && self.setting.strategy == Strategy::Overlapping
            && process.member.has_departed()
        {
            process.is_departing = false;
            return self.step(index, Event::Leave);
        }
        self.pump(index)?;
        self.wake(index);
        Ok(())
    }

    /// Reports changes of the record, unless a request is under way.
    fn pump(&mut self, index: usize) -> Result<(), String> {
        let process = &mut self.processes[index];
        if process.member.is_busy() || !process.has_begun {
            return Ok(());
        }
        match process.changes.pop_front() {
            Some(change) => self.step(index, Event::Changed(change)),
            None => Ok(()),
        }
    }

    fn notice(&mut self, index: usize, notice: Notice) -> Result<(), String> {
        let now = self.now();
        let mut dropped = BTreeSet::new();
        let process = &mut self.processes[index];
        match notice {
            Notice::Admitted => {}
            Notice::Refused => return Err("a member was refused".to_owned()),
            // It has stopped, and waits for nothing but to be out.
            Notice::Assigned(_)
                if process.is_departing && self.setting.strategy == Strategy::Resumable => {}
            Notice::Assigned(assigned) => {
                if self.setting.strategy == Strategy::Resumable {
                    // Their positions cannot be read.
                    let unreadable = assigned.acquired.iter().copied();
                    dropped.extend(unreadable.filter(|_| self.rng.random_ratio(1, 40)));
                }
                if !dropped.is_empty() {
                    process.mark_unwell(now);
                }
                for partition in &assigned.acquired - &dropped {
                    self.checks.adopt(partition, index);
                }
                for partition in process.assign(&assigned, &dropped) {
                    let work = LEASE.mul_f64(self.rng.random_range(0.0..0.5));
                    self.schedule.after(work, What::Drained(index, partition));
                }
                self.checks
                    .acquired(&assigned.acquired, &assigned.orphaned)?;
            }
            Notice::HandedOver(gone) | Notice::Lost(gone) => {
                process.taken.retain(|taken| !gone.contains(taken));
            }
            Notice::Abandoned(gone) => {
                process.taken.retain(|taken| !gone.contains(taken));
                self.checks.excuse(gone);
            }
            Notice::Left => {
                process.is_alive = false;
                // As if it had died, if it could not write that it left.
                self.died = now;
                if self.setting.strategy == Strategy::Overlapping {
                    self.checks.excuse(process.taken.clone());
                }
            }
        }
        if let Some(record) = self.store.record()
            && self.setting.strategy == Strategy::Overlapping
        {
            self.checks.covered(&self.processes, record);
        }
        self.checks.one_owner(
            self.now(),
            self.base,
            self.setting.strategy,
            &self.processes,
        )?;
        if !dropped.is_empty() {
            self.step(index, Event::Dropped(dropped))?;
        }
        Ok(())
    }
}
