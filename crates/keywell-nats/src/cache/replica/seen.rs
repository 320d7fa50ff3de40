//! Which writes a node has seen: all up to a number for each origin, and single ones beyond it.
//!
//! What is seen and not held was deleted or replaced. So nothing else has to be kept of a delete.

use std::collections::BTreeMap;

use super::hash::Fingerprint;
use super::origin::{Dot, Origin};

/// A set of dots.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Seen {
    origins: BTreeMap<Origin, Numbers>,
    /// For a node, the incarnation before which every write counts as seen.
    floors: BTreeMap<u64, u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Numbers {
    /// All up to this one.
    through: u64,
    /// First and last of the runs beyond, none adjacent to another.
    beyond: BTreeMap<u64, u64>,
}

// === impl Seen ===

impl Seen {
    /// How many ended incarnations of a node are kept apart. Writes of earlier ones count as seen.
    pub(crate) const INCARNATIONS: usize = 1024;

    pub(crate) fn has(&self, dot: Dot) -> bool {
        let Origin { node, incarnation } = dot.origin;
        if self
            .floors
            .get(&node)
            .is_some_and(|floor| incarnation < *floor)
        {
            return true;
        }
        let numbers = self.origins.get(&dot.origin);
        numbers.is_some_and(|numbers| numbers.has(dot.number))
    }

    pub(crate) fn add(&mut self, dot: Dot) {
        if !self.has(dot) {
            self.origins
                .entry(dot.origin)
                .or_default()
                .add(dot.number, dot.number);
        }
    }

    /// Adds all that another set has.
    pub(crate) fn join(&mut self, other: &Self) {
        for (node, floor) in &other.floors {
            let own = self.floors.entry(*node).or_default();
            *own = (*own).max(*floor);
        }
        for (origin, numbers) in &other.origins {
            let own = self.origins.entry(*origin).or_default();
            if numbers.through > 0 {
                own.add(1, numbers.through);
            }
            for (first, last) in &numbers.beyond {
                own.add(*first, *last);
            }
        }
        self.settle();
    }

    /// Whether it has everything that another set has.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let mut joined = self.clone();
        joined.join(other);
        joined == *self
    }

    /// Lets go of ended incarnations: all but the last [`INCARNATIONS`](Self::INCARNATIONS) of a node.
    fn settle(&mut self) {
        let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
        for origin in self.origins.keys() {
            *counts.entry(origin.node).or_default() += 1;
        }
        for (node, count) in counts {
            if count > Self::INCARNATIONS {
                let of_node = self.origins.keys().filter(|origin| origin.node == node);
                let floor = of_node
                    .map(|origin| origin.incarnation)
                    .nth(count - Self::INCARNATIONS);
                let own = self.floors.entry(node).or_default();
                *own = (*own).max(floor.unwrap_or_default());
            }
        }
        let floors = &self.floors;
        self.origins.retain(|origin, _| {
            floors
                .get(&origin.node)
                .is_none_or(|floor| origin.incarnation >= *floor)
        });
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        let mut fingerprint = Fingerprint::of(&[]);
        for (node, floor) in &self.floors {
            fingerprint.add(*node);
            fingerprint.add(*floor);
        }
        for (origin, numbers) in &self.origins {
            fingerprint.add(origin.node);
            fingerprint.add(origin.incarnation);
            fingerprint.add(numbers.through);
            for (first, last) in &numbers.beyond {
                fingerprint.add(*first);
                fingerprint.add(*last);
            }
        }
        fingerprint.finish()
    }

    /// How many origins it keeps apart.
    pub(crate) fn origins(&self) -> usize {
        self.origins.len()
    }

    pub(crate) fn runs(&self) -> usize {
        self.origins
            .values()
            .map(|numbers| numbers.beyond.len())
            .sum()
    }
}

// === impl Numbers ===

impl Numbers {
    fn has(&self, number: u64) -> bool {
        if number <= self.through {
            return true;
        }
        let run = self.beyond.range(..=number).next_back();
        run.is_some_and(|(_, last)| number <= *last)
    }

    fn add(&mut self, mut first: u64, mut last: u64) {
        if first <= self.through + 1 {
            self.through = self.through.max(last);
        } else {
            if let Some((before, end)) = self
                .beyond
                .range(..=first)
                .next_back()
                .map(|(a, b)| (*a, *b))
            {
                if end + 1 >= first {
                    first = before;
                    last = last.max(end);
                }
            }
            while let Some((next, end)) = self
                .beyond
                .range(first..=last + 1)
                .next()
                .map(|(a, b)| (*a, *b))
            {
                self.beyond.remove(&next);
                last = last.max(end);
            }
            self.beyond.insert(first, last);
        }
        while let Some(run) = self.beyond.first_entry() {
            if *run.key() > self.through + 1 {
                break;
            }
            self.through = self.through.max(*run.get());
            run.remove();
        }
    }
}
