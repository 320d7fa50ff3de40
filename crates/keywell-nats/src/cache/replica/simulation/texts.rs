use std::collections::{BTreeMap, BTreeSet};

use keywell_store::Members;

use super::super::collections;
use super::super::machine::Replica;
use super::super::origin::{Dot, Origin};
use super::super::place::Head;
use super::acting::Acting;
use super::world::World;

/// What nodes did to lists and sets, and what has to hold of it once all copies are equal.
#[derive(Default)]
pub(super) struct Texts {
    /// By list and text. Each text is pushed once.
    pushed: BTreeMap<(String, String), Pushed>,
    /// The lists and texts that a node deleted, and which node.
    deleted: BTreeMap<(String, String), BTreeSet<Origin>>,
    /// By set and text, each addition.
    added: BTreeMap<(String, String), Vec<Dot>>,
    /// The additions that a node removed, or replaced by one of its own.
    gone: BTreeMap<Dot, BTreeSet<Origin>>,
    /// Whose writes may be lost.
    crashed: BTreeSet<Origin>,
}

struct Pushed {
    by: Origin,
    /// What was the last item for its node then.
    behind: Option<String>,
}

// === impl Texts ===

impl Texts {
    fn push(&mut self, world: &mut World, at: usize, key: &str) {
        let now = world.clock_of(at);
        let text = format!("p{}", self.pushed.len());
        let replica = &mut world.nodes[at].replica;
        let before = items(replica, key);
        let pushed = collections::push(replica, key, &text, now);
        let (length, effects) = pushed.expect("it is a list");
        assert_eq!(length, before.len() + 1, "the length that it answers");
        let pushed = Pushed {
            by: replica.origin(),
            behind: before.last().cloned(),
        };
        self.pushed.insert((key.to_owned(), text), pushed);
        world.carry_out(at, effects);
    }

    /// Deletes an item that its node sees, or all of them.
    fn delete(&mut self, world: &mut World, at: usize, key: &str) {
        let is_all = world.random.happens_in(3);
        let before = items(&world.nodes[at].replica, key);
        if before.is_empty() {
            return;
        }
        let one = world.random.index(before.len());
        let replica = &mut world.nodes[at].replica;
        let (deleted, effects) = if is_all {
            collections::clear(replica, key).expect("it is a list")
        } else {
            collections::delete_item(replica, key, &before[one]).expect("it is a list")
        };
        let left = items(replica, key);
        assert_eq!(left.len() + deleted, before.len(), "what it answers");
        for text in before.into_iter().filter(|text| !left.contains(text)) {
            let by = self.deleted.entry((key.to_owned(), text)).or_default();
            by.insert(replica.origin());
        }
        world.note_delete(at);
        world.carry_out(at, effects);
    }

    /// Adds to a set, or removes from it.
    fn change(&mut self, world: &mut World, at: usize, key: &str) {
        let now = world.clock_of(at);
        let text = format!("m{}", world.random.below(5));
        let is_added = world.random.happens_in(60);
        let replica = &mut world.nodes[at].replica;
        let was_there = members(replica, &[key]).contains(&text);
        let before = dots(replica, key, &text);
        let effects = if is_added {
            let added = collections::add(replica, key, &text, now);
            let (is_new, effects) = added.expect("it is a set");
            assert_eq!(is_new, !was_there, "what an addition answers");
            effects
        } else {
            let removed = collections::remove(replica, key, &text);
            let (was_removed, effects) = removed.expect("it is a set");
            assert_eq!(was_removed, was_there, "what a removal answers");
            effects
        };
        let after = dots(replica, key, &text);
        let origin = replica.origin();
        for dot in before.difference(&after) {
            self.gone.entry(*dot).or_default().insert(origin);
        }
        let added = self.added.entry((key.to_owned(), text)).or_default();
        added.extend(after.difference(&before));
        if !is_added && was_there {
            world.note_delete(at);
        }
        world.carry_out(at, effects);
    }

    fn check_list(&self, replica: &Replica, key: &str) -> Result<(), String> {
        let list = items(replica, key);
        let place = |text: &String| list.iter().position(|item| item == text);
        for (at, text) in list.iter().enumerate() {
            if place(text) != Some(at) {
                return Err(format!("{key} has {text} twice"));
            }
            let deleted = self.deleted.get(&(key.to_owned(), text.clone()));
            if deleted.is_some_and(|by| !by.is_subset(&self.crashed)) {
                return Err(format!("{text} of {key} came back"));
            }
        }
        let pushed = self.pushed.iter().filter(|((of, _), _)| of == key);
        for ((_, text), pushed) in pushed {
            let at = place(text);
            let is_deleted = self.deleted.contains_key(&(key.to_owned(), text.clone()));
            if at.is_none() && !is_deleted && !self.crashed.contains(&pushed.by) {
                return Err(format!("{text} of {key} is lost"));
            }
            if let (Some(at), Some(before)) = (at, pushed.behind.as_ref().and_then(place))
                && at < before
            {
                return Err(format!("{text} of {key} is before what its node had seen"));
            }
        }
        Ok(())
    }

    fn check_set(&self, replica: &Replica, key: &str) -> Result<(), String> {
        let held = members(replica, &[key]);
        for ((_, text), dots) in self.added.iter().filter(|((of, _), _)| of == key) {
            let is_gone = |dot: &Dot| {
                let by = self.gone.get(dot);
                by.is_some_and(|by| !by.is_subset(&self.crashed))
            };
            let stays = |dot: &&Dot| !self.gone.contains_key(dot);
            let stays = dots.iter().filter(stays);
            let has_to_be_there = stays
                .into_iter()
                .any(|dot| !self.crashed.contains(&dot.origin));
            match held.contains(text) {
                false if has_to_be_there => {
                    return Err(format!("{text} of {key}, added last or at once, is lost"));
                }
                true if dots.iter().all(is_gone) => {
                    return Err(format!("{text} of {key} came back"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Acting for Texts {
    fn act(&mut self, world: &mut World) {
        let at = world.random.index(world.nodes.len());
        let key = world.random.below(3);
        match world.random.below(10) {
            0..=3 => self.push(world, at, &format!("l{key}")),
            4 => self.delete(world, at, &format!("l{key}")),
            _ => self.change(world, at, &format!("s{key}")),
        }
    }

    fn crash(&mut self, origin: Origin) {
        self.crashed.insert(origin);
    }

    fn check(&self, world: &World) -> Result<(), String> {
        let first = &world.nodes[0].replica;
        for node in &world.nodes {
            for key in ["l0", "l1", "l2"] {
                if items(&node.replica, key) != items(first, key) {
                    return Err(format!("{key} differs"));
                }
                self.check_list(&node.replica, key)?;
            }
            for key in ["s0", "s1", "s2"] {
                self.check_set(&node.replica, key)?;
            }
            let all = ["s0", "s1", "s2"];
            if members(&node.replica, &all) != members(first, &all) {
                return Err("sets differ".to_owned());
            }
        }
        Ok(())
    }
}

fn items(replica: &Replica, key: &str) -> Vec<String> {
    let items = collections::range(replica, key, (0, -1), |_| Ok(()));
    items.expect("it is a list")
}

fn members(replica: &Replica, keys: &[&str]) -> Vec<String> {
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    let members = collections::members(replica, &keys, Members::Union, |_| Ok(()));
    members.expect("they are sets")
}

/// The additions of a member that a copy holds.
fn dots(replica: &Replica, key: &str, text: &str) -> BTreeSet<Dot> {
    let place = Head::of_set(key).member(text);
    let entry = replica.entry(&place).into_iter();
    entry
        .flat_map(|entry| entry.elements.keys().copied())
        .collect()
}
