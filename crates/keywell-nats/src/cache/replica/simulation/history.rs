use std::collections::{BTreeMap, BTreeSet};

use super::super::clock::Stamp;
use super::super::entry::Entry;
use super::super::machine::Replica;
use super::super::origin::{Dot, Origin};
use super::super::seen::Seen;
use super::acting::Acting;
use super::world::{Planted, World};

/// What nodes did, and what has to hold of it once all copies are equal.
#[derive(Default)]
pub(super) struct History {
    /// What each node added to a number that is never set or deleted.
    added: BTreeMap<(String, Origin), i64>,
    /// What keys were set to that are never deleted.
    sets: BTreeMap<String, Vec<(Stamp, Vec<u8>, Origin)>>,
    /// Writes that a node deleted or replaced.
    removed: Vec<(Origin, String, Dot)>,
    /// What nodes did to keys that are set, added to and deleted.
    mixed: BTreeMap<String, Vec<Done>>,
    /// Nodes that crashed. What they did may be lost.
    crashed: BTreeSet<Origin>,
}

/// A write of a node.
struct Done {
    origin: Origin,
    /// None of a delete.
    dot: Option<Dot>,
    /// What its node had seen before.
    past: Seen,
    write: Write,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Write {
    Set(Stamp),
    /// Adds one to a number that was set then.
    Add(Option<Stamp>),
    Delete,
}

// === impl History ===

impl History {
    fn add(&mut self, world: &mut World, at: usize, key: String) {
        let now = world.clock_of(at);
        let by = i64::try_from(world.random.below(5)).expect("it is small") + 1;
        let replica = &mut world.nodes[at].replica;
        let effects = if world.planted == Some(Planted::IncrementsAsValues) {
            let sum = replica.entry(&key).and_then(Entry::number).unwrap_or(0) + by;
            replica.set(&key, sum.to_string().into(), now)
        } else {
            let added = replica.increment(&key, by, now);
            added.expect("it is a number").1
        };
        let origin = replica.origin();
        *self.added.entry((key, origin)).or_default() += by;
        world.carry_out(at, effects);
    }

    fn set(&mut self, world: &mut World, at: usize, key: String) {
        let now = world.clock_of(at);
        let value = world.random.next().to_string().into_bytes();
        let replica = &mut world.nodes[at].replica;
        let effects = replica.set(&key, value.clone().into(), now);
        let base = replica.entry(&key).and_then(Entry::base);
        let stamp = base.expect("it was set").1;
        let set = (stamp, value, replica.origin());
        self.sets.entry(key).or_default().push(set);
        world.carry_out(at, effects);
    }

    /// Sets, adds to or deletes a key.
    fn change_any(&mut self, world: &mut World, at: usize, choice: u64) {
        let now = world.clock_of(at);
        let key = format!("m{}", world.random.below(40));
        let number = world.random.below(100);
        let replica = &mut world.nodes[at].replica;
        let before = dots(replica, &key);
        let past = replica.seen().clone();
        let mut is_deleted = false;
        let effects = match choice {
            6 => replica.set(&key, number.to_string().into(), now),
            7 => {
                let added = replica.increment(&key, 1, now);
                added.map_or_else(|_| Vec::new(), |(_, effects)| effects)
            }
            _ => {
                is_deleted = !before.is_empty();
                replica.delete(&key)
            }
        };
        let after = dots(replica, &key);
        let origin = replica.origin();
        let write = replica.entry(&key).map_or(Write::Delete, |entry| {
            let base = entry.base().map(|(_, stamp, _)| stamp);
            match (choice, base) {
                (6, Some(stamp)) => Write::Set(stamp),
                _ => Write::Add(base),
            }
        });
        let dot = after.difference(&before).next().copied();
        if is_deleted || dot.is_some() {
            let done = Done {
                origin,
                dot,
                past,
                write,
            };
            self.mixed.entry(key.clone()).or_default().push(done);
        }
        let removed = before.difference(&after);
        let removed = removed.map(|dot| (origin, key.clone(), *dot));
        self.removed.extend(removed);
        if is_deleted {
            world.note_delete(at);
        }
        world.carry_out(at, effects);
    }

    /// A number has at least what nodes added that did not crash.
    fn check_totals(&self, first: &Replica) -> Result<(), String> {
        let mut totals: BTreeMap<&str, i64> = BTreeMap::new();
        for ((key, origin), added) in &self.added {
            if !self.crashed.contains(origin) {
                *totals.entry(key).or_default() += added;
            }
        }
        for (key, total) in totals {
            let number = first.entry(key).and_then(Entry::number);
            if number < Some(total) {
                return Err(format!("{key} is {number:?}, less than {total}"));
            }
        }
        Ok(())
    }

    /// A set stands, and an increment counts, unless a set or a delete had seen it, or a later set was
    /// made that it had not seen.
    fn check_mixed(&self, first: &Replica) -> Result<(), String> {
        for (key, all) in &self.mixed {
            let entry = first.entry(key).cloned().unwrap_or_default();
            let base = entry.base().map(|(_, stamp, _)| stamp);
            let mut sums: BTreeMap<(Origin, Option<Stamp>), i128> = BTreeMap::new();
            let stand = all
                .iter()
                .filter(|done| !self.crashed.contains(&done.origin) && !has_replaced(done, all));
            for done in stand {
                match done.write {
                    Write::Set(stamp) => {
                        let is_lost = !is_overruled(done, Some(stamp), all) && base != Some(stamp);
                        if is_lost {
                            return Err(format!(
                                "{key} holds {entry:?} and not what {stamp:?} set"
                            ));
                        }
                    }
                    Write::Add(of) if !is_overruled(done, of, all) => {
                        *sums.entry((done.origin, of)).or_default() += 1;
                    }
                    _ => {}
                }
            }
            for ((origin, of), least) in sums {
                let sum = entry.sum_of(origin, of).map_or(0, |(_, sum)| sum);
                if sum < least || of < base {
                    return Err(format!(
                        "{key} has {sum} of {least} by {origin:?}: {entry:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The latest set stands, or that of a node that crashed.
    fn check_sets(&self, first: &Replica) -> Result<(), String> {
        for (key, sets) in &self.sets {
            let sets = sets.iter();
            let last = sets.filter(|(_, _, origin)| !self.crashed.contains(origin));
            let Some((stamp, value, _)) = last.max() else {
                continue;
            };
            let entry = first.entry(key);
            let held = entry.and_then(Entry::base);
            let held = held.map(|(_, stamp, value)| (stamp, value.clone()));
            let stands = held
                .as_ref()
                .is_some_and(|(held, text)| held > stamp || (held == stamp && *text == *value));
            if !stands {
                return Err(format!("{key} holds {held:?} and not what {stamp:?} set"));
            }
        }
        Ok(())
    }
}

/// Whether a set or a delete had seen a write of a node, or a later one to the same base.
fn has_replaced(done: &Done, others: &[Done]) -> bool {
    let same = |later: &&Done| {
        (later.origin, later.write) == (done.origin, done.write) && later.dot >= done.dot
    };
    let replaces = |other: &Done| {
        let is_add = matches!(other.write, Write::Add(_));
        let mut dots = others.iter().filter(same).filter_map(|later| later.dot);
        !is_add && dots.any(|dot| other.past.has(dot))
    };
    others.iter().any(replaces)
}

/// Whether a set that it had not seen was later than this time.
fn is_overruled(done: &Done, base: Option<Stamp>, others: &[Done]) -> bool {
    others.iter().any(|other| match (other.write, other.dot) {
        (Write::Set(stamp), Some(dot)) => Some(stamp) > base && !done.past.has(dot),
        _ => false,
    })
}

impl Acting for History {
    fn act(&mut self, world: &mut World) {
        let at = world.random.index(world.nodes.len());
        let key = world.random.below(6);
        match world.random.below(10) {
            0..=3 => self.add(world, at, format!("c{key}")),
            4 => self.set(world, at, format!("s{key}")),
            choice => self.change_any(world, at, choice),
        }
    }

    fn crash(&mut self, origin: Origin) {
        self.crashed.insert(origin);
    }

    fn check(&self, world: &World) -> Result<(), String> {
        let first = &world.nodes[0].replica;
        let all = || first.entries_from("", None);
        for other in &world.nodes[1..] {
            if !all().eq(other.replica.entries_from("", None)) {
                return Err("copies differ".to_owned());
            }
        }
        for ((key, origin), added) in &self.added {
            let sum = first
                .entry(key)
                .and_then(|entry| entry.sum_of(*origin, None));
            let sum = sum.map_or(0, |(_, sum)| sum);
            let is_by_sums = world.planted != Some(Planted::IncrementsAsValues);
            if is_by_sums && sum != i128::from(*added) && !self.crashed.contains(origin) {
                return Err(format!("{key} has {sum} of {added} by {origin:?}"));
            }
        }
        self.check_totals(first)?;
        for (key, entry) in all().filter(|(key, _)| key.starts_with('c')) {
            let added = self.added.iter().filter(|((of, _), _)| **of == **key);
            if entry.number() > Some(added.map(|(_, added)| added).sum()) {
                return Err(format!("{key} counts twice"));
            }
        }
        self.check_sets(first)?;
        self.check_mixed(first)?;
        for (origin, key, dot) in &self.removed {
            let has_returned = first
                .entry(key)
                .is_some_and(|entry| entry.elements.contains_key(dot));
            if has_returned && !self.crashed.contains(origin) {
                return Err(format!("{dot:?} of {key} came back"));
            }
        }
        Ok(())
    }
}

fn dots(replica: &Replica, key: &str) -> BTreeSet<Dot> {
    let entry = replica.entry(key).into_iter();
    entry
        .flat_map(|entry| entry.elements.keys().copied())
        .collect()
}
