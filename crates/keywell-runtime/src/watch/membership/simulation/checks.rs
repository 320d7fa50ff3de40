//! What a simulated run has to keep.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::super::messages::Strategy;
use super::super::partition::PARTITIONS;
use super::super::record::Record;
use super::process::{LEASE, Process};

#[derive(Default)]
pub(super) struct Checks {
    /// Since when no process works on a partition.
    idle_since: BTreeMap<u8, Duration>,
    /// The process that read the position of a partition last.
    adopted_by: BTreeMap<u8, usize>,
    /// Partitions whose events no process took for a while, and no owner has learned of it.
    gaps: BTreeSet<u8>,
    /// Gaps that no member can know, until the next owner.
    excused: BTreeSet<u8>,
    /// Partitions that were taken at some time.
    begun: BTreeSet<u8>,
    /// Since when a process takes the events of a partition that it gave away, beside another.
    overlapping_since: BTreeMap<(u8, usize), Duration>,
}

// === impl Checks ===

impl Checks {
    /// How long a partition may be without an owner: until the others have seen the last heartbeat of
    /// a dead one (a third of a lease), then a lease, then their next renewal (a third again), all by
    /// clocks that run slow; and the time of requests and claims.
    const ORPHANED: Duration = LEASE.saturating_mul(2);

    pub(super) fn adopt(&mut self, partition: u8, process: usize) {
        self.adopted_by.insert(partition, process);
    }

    /// No two processes work on a partition.
    pub(super) fn one_owner(
        &mut self,
        now: Duration,
        base: Instant,
        strategy: Strategy,
        processes: &[Process],
    ) -> Result<(), String> {
        let valid: Vec<(usize, &Process)> = processes
            .iter()
            .enumerate()
            .filter(|(_, process)| process.is_alive)
            .filter(|(_, process)| process.member.is_valid(process.clock(base, now)))
            .collect();
        for partition in 0..PARTITIONS {
            let works = |process: &Process| {
                process.taken.contains(&partition)
                    && process.draining.get(&partition) != Some(&true)
            };
            let is_own = |process: &Process| {
                strategy == Strategy::Resumable || !process.member.gives_away(partition)
            };
            let working = || valid.iter().filter(|(_, process)| works(process));
            let owners: Vec<usize> = working()
                .filter(|(_, process)| is_own(process))
                .map(|(index, _)| *index)
                .collect();
            if owners.len() > 1 {
                return Err(format!("partition {partition} is owned by {owners:?}"));
            }
            if strategy == Strategy::Resumable
                && let [owner] = *owners
                && self.adopted_by.get(&partition) != Some(&owner)
            {
                return Err(format!(
                    "{owner} works on partition {partition} from an old position"
                ));
            }
            let awake: Vec<usize> = working()
                .filter(|(_, process)| process.paused_until <= now)
                .map(|(index, _)| *index)
                .collect();
            // One after another may give a partition away, so each is timed by itself.
            let shares = |index: usize| {
                let is_given = processes[index].member.gives_away(partition);
                is_given && awake.len() > 1 && awake.contains(&index)
            };
            for index in 0..processes.len() {
                let key = (partition, index);
                if !shares(index) {
                    self.overlapping_since.remove(&key);
                    continue;
                }
                let since = *self.overlapping_since.entry(key).or_insert(now);
                if now.saturating_sub(since) > LEASE * 3 / 2 {
                    return Err(format!(
                        "partition {partition} is handed over by {index} since {since:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Takes note of partitions whose events no process takes.
    pub(super) fn covered(&mut self, processes: &[Process], record: &Record) {
        let alive: Vec<&Process> = processes
            .iter()
            .filter(|process| process.is_alive)
            .collect();
        for partition in 0..PARTITIONS {
            let takes = |process: &Process| {
                let is_claimed = process.member.is_claiming()
                    && record.owner(partition) == Some(process.member.name());
                process.taken.contains(&partition) || is_claimed
            };
            if alive.iter().any(|process| takes(process)) {
                self.begun.insert(partition);
            } else if self.begun.contains(&partition) {
                self.gaps.insert(partition);
            }
        }
    }

    /// Events of these may be lost though no owner learns of it.
    pub(super) fn excuse(&mut self, partitions: impl IntoIterator<Item = u8>) {
        for partition in partitions {
            self.excused.insert(partition);
        }
    }

    /// An owner learns of every gap.
    pub(super) fn acquired(
        &mut self,
        acquired: &BTreeSet<u8>,
        orphaned: &BTreeSet<u8>,
    ) -> Result<(), String> {
        for partition in acquired {
            let was_gap = self.gaps.remove(partition);
            let is_excused = self.excused.remove(partition);
            if was_gap && !is_excused && !orphaned.contains(partition) {
                return Err(format!(
                    "events of partition {partition} were lost, and its owner does not know"
                ));
            }
        }
        Ok(())
    }

    /// No partition stays without an owner while nothing goes wrong.
    pub(super) fn orphans(
        &mut self,
        now: Duration,
        base: Instant,
        is_busy: bool,
        died: Duration,
        processes: &[Process],
    ) -> Result<(), String> {
        let alive: Vec<&Process> = processes
            .iter()
            .filter(|process| process.is_alive)
            .collect();
        let healthy_since = alive.iter().map(|process| process.healthy_since).max();
        for partition in 0..PARTITIONS {
            let works = |process: &Process| {
                process.taken.contains(&partition)
                    && process.draining.get(&partition) != Some(&true)
                    && process.paused_until <= now
                    && process.member.is_valid(process.clock(base, now))
            };
            if !is_busy || alive.iter().any(|process| works(process)) {
                self.idle_since.remove(&partition);
                continue;
            }
            let since = *self.idle_since.entry(partition).or_insert(now);
            let Some(healthy_since) = healthy_since else {
                continue;
            };
            if now.saturating_sub(since.max(healthy_since).max(died)) > Self::ORPHANED {
                return Err(format!(
                    "partition {partition} has no owner since {since:?}"
                ));
            }
        }
        Ok(())
    }

    /// In the end, all have as many.
    pub(super) fn balanced(processes: &[Process], record: Option<&Record>) -> Result<(), String> {
        let staying = processes
            .iter()
            .filter(|process| process.is_alive && !process.member.is_departing());
        let numbers: Vec<usize> = staying.map(|process| process.taken.len()).collect();
        let least = usize::from(PARTITIONS) / numbers.len().max(1);
        let is_fair = |number: &usize| (least..=least + 1).contains(number);
        if numbers.iter().all(is_fair) {
            return Ok(());
        }
        Err(format!(
            "partitions are unbalanced at the end: {numbers:?}, {record:?}"
        ))
    }
}
