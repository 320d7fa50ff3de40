//! Which writes a node has seen: all up to a number for each origin, and single ones beyond it.
//!
//! What is seen and not held was deleted or replaced. So nothing else has to be kept of a delete.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::hash::Fingerprint;
use super::numbers::{Numbers, ROW, RUN};
use super::origin::{Dot, Origin};

/// A set of dots.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Seen {
    origins: BTreeMap<Origin, Numbers>,
    /// For a node, the incarnation before which every write counts as seen.
    floors: BTreeMap<u64, u64>,
}

// === impl Seen ===

impl Seen {
    /// How many ended incarnations of a node are kept apart. Writes of earlier ones count as seen.
    pub(crate) const INCARNATIONS: usize = 1024;

    pub(crate) fn has(&self, dot: Dot) -> bool {
        if self.is_below_floor(dot.origin) {
            return true;
        }
        let numbers = self.origins.get(&dot.origin);
        numbers.is_some_and(|numbers| numbers.has(dot.number))
    }

    /// The first write of its origin, from one on, that it does not have; none if it counts all of
    /// them as seen.
    pub(crate) fn next_unseen(&self, dot: Dot) -> Option<Dot> {
        if self.is_below_floor(dot.origin) {
            return None;
        }
        let numbers = self.origins.get(&dot.origin);
        let number = numbers.map_or(dot.number, |numbers| numbers.next_unseen(dot.number));
        Some(Dot { number, ..dot })
    }

    /// How many incarnations later than one wrote, as far as that is known.
    pub(crate) fn later_than(&self, origin: Origin) -> usize {
        if self.is_below_floor(origin) {
            return usize::MAX;
        }
        let later = (Bound::Excluded(origin), Bound::Included(origin.last()));
        self.origins.range(later).count()
    }

    /// The latest incarnation of a node that is known.
    pub(crate) fn latest(&self, node: u64) -> u64 {
        let first = Origin {
            node,
            incarnation: 0,
        };
        let latest = self.origins.range(first..=first.last()).next_back();
        let floor = self.floors.get(&node).copied().unwrap_or_default();
        latest.map_or(floor, |(origin, _)| origin.incarnation.max(floor))
    }

    fn is_below_floor(&self, origin: Origin) -> bool {
        let floor = self.floors.get(&origin.node);
        floor.is_some_and(|floor| origin.incarnation < *floor)
    }

    /// Adds a write, and answers whether it did not have it.
    pub(crate) fn add(&mut self, dot: Dot) -> bool {
        if self.is_below_floor(dot.origin) {
            return false;
        }
        let numbers = self.origins.entry(dot.origin).or_default();
        let is_new = !numbers.has(dot.number);
        if is_new {
            numbers.add(dot.number, dot.number);
        }
        is_new
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

    /// What of it a message of so many bytes has room for: all, or what concerns the writes from one
    /// on, and before which write that ends.
    pub(crate) fn part(&self, from: Dot, most: usize) -> (Self, Option<Dot>) {
        if self.bytes() <= most {
            return (self.clone(), None);
        }
        let end = self.end_of_part(from, most);
        let mut part = self.within(from, end);
        part.floors.clone_from(&self.floors);
        (part, end)
    }

    fn end_of_part(&self, from: Dot, most: usize) -> Option<Dot> {
        let mut left = most;
        for (row, (origin, numbers)) in self.origins.range(from.origin..).enumerate() {
            let at = |number| Dot {
                origin: *origin,
                number,
            };
            if left < ROW && row > 0 {
                return Some(at(0));
            }
            left = left.saturating_sub(ROW);
            // At least one run, so that the next part is another one.
            let runs = left / RUN + 1;
            let first = at(0).max(from).number;
            let mut behind = numbers.beyond.range(first..);
            if let Some((first, _)) = behind.nth(runs) {
                return Some(at(*first));
            }
            left = left.saturating_sub(RUN * numbers.beyond.len());
        }
        None
    }

    /// What it has of the writes from one on, and before an end if one is given. A floor is part of
    /// it if all writes below the floor come before that end.
    pub(crate) fn within(&self, from: Dot, end: Option<Dot>) -> Self {
        let mut within = Self::default();
        let last = end.map_or(Bound::Unbounded, |end| Bound::Included(end.origin));
        if end.is_some_and(|end| end <= from) {
            return within;
        }
        for (origin, numbers) in self.origins.range((Bound::Included(from.origin), last)) {
            let first = if *origin == from.origin {
                from.number
            } else {
                0
            };
            let ends = end.filter(|end| end.origin == *origin);
            let before = ends.map_or(u64::MAX, |end| end.number);
            let part = numbers.within(first, before);
            if part != Numbers::default() {
                within.origins.insert(*origin, part);
            }
        }
        let floors = self.floors.iter().map(|(node, floor)| (*node, *floor));
        let is_within = |(node, incarnation): &(u64, u64)| {
            let origin = Origin {
                node: *node,
                incarnation: *incarnation,
            };
            let at = Dot { origin, number: 0 };
            at >= from && end.is_none_or(|end| at <= end)
        };
        within.floors = floors.filter(is_within).collect();
        within
    }

    /// About how many bytes a message has with it.
    pub(crate) fn bytes(&self) -> usize {
        let rows = self.origins.values();
        rows.map(Numbers::bytes).sum::<usize>() + ROW * self.floors.len()
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
        let mut origins = std::mem::take(&mut self.origins);
        origins.retain(|origin, _| !self.is_below_floor(*origin));
        self.origins = origins;
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

    /// Takes the last write of each origin for all before it.
    #[cfg(test)]
    pub(crate) fn fill_gaps(&mut self) {
        for numbers in self.origins.values_mut() {
            if let Some((_, last)) = numbers.beyond.pop_last() {
                numbers.through = last;
                numbers.beyond.clear();
            }
        }
    }

    /// How many origins it keeps apart.
    pub(crate) fn origins(&self) -> usize {
        self.origins.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(incarnation: u64, number: u64) -> Dot {
        let origin = Origin {
            node: 7,
            incarnation,
        };
        Dot { origin, number }
    }

    #[test]
    fn runs_join_as_the_numbers_between_them_arrive() {
        let mut seen = Seen::default();
        for number in [9, 3, 5, 4, 8, 1] {
            seen.add(dot(1, number));
        }
        let expected = [
            true, false, true, true, true, false, false, true, true, false,
        ];
        let has: Vec<_> = (1..=10).map(|number| seen.has(dot(1, number))).collect();
        assert_eq!(has, expected);
        let next = |seen: &Seen, number| seen.next_unseen(dot(1, number)).map(|dot| dot.number);
        assert_eq!(
            [1, 3, 8].map(|number| next(&seen, number)),
            [Some(2), Some(6), Some(10)]
        );
        for number in [2, 6, 7] {
            seen.add(dot(1, number));
        }
        assert_eq!(next(&seen, 1), Some(10));
        let mut all = seen.origins.values();
        assert!(all.all(|numbers| numbers.beyond.is_empty()));
    }

    #[test]
    fn ten_thousand_incarnations_leave_a_bounded_vector() {
        let mut seen = Seen::default();
        for incarnation in 1..=10_000 {
            let mut other = Seen::default();
            other.add(dot(incarnation, 1));
            seen.join(&other);
        }
        assert_eq!(seen.origins(), Seen::INCARNATIONS);
        assert!(seen.has(dot(1, 1)) && seen.has(dot(10_000, 1)));
        assert!(!seen.has(dot(10_000, 2)) && !seen.has(dot(10_001, 1)));
        let bytes = postcard::to_allocvec(&seen).expect("it is encoded");
        assert!(bytes.len() < 32 * Seen::INCARNATIONS, "{}", bytes.len());
    }

    #[test]
    fn parts_that_a_peer_joins_in_turn_are_the_whole() {
        let mut seen = Seen::default();
        for incarnation in 1..=1500 {
            let mut other = Seen::default();
            for number in [1, 2, 5, 7, 8, 20] {
                other.add(dot(incarnation, number));
            }
            seen.join(&other);
        }
        for number in (1..2000).step_by(3) {
            seen.add(dot(1200, number));
        }
        for most in [1, 100, 1000, 1 << 20] {
            let (mut from, mut joined, mut parts) = (Dot::FIRST, Seen::default(), 0);
            loop {
                let (part, end) = seen.part(from, most);
                assert!(part.bytes() <= most + 2 * (ROW + RUN) || parts == 0 && end.is_none());
                joined.join(&part.within(from, end));
                parts += 1;
                let Some(end) = end else { break };
                assert!(end > from, "{end:?}");
                from = end;
            }
            assert_eq!(joined, seen, "in parts of {most} bytes");
            assert_eq!(parts == 1, most == 1 << 20);
        }
    }

    #[test]
    fn vectors_that_know_the_same_incarnations_are_equal() {
        let (mut forth, mut back) = (Seen::default(), Seen::default());
        for incarnation in 1..=3000 {
            let mut other = Seen::default();
            other.add(dot(incarnation, 1));
            forth.join(&other);
            let mut other = Seen::default();
            other.add(dot(3001 - incarnation, 1));
            back.join(&other);
        }
        forth.join(&back.clone());
        back.join(&forth.clone());
        assert_eq!(forth, back);
    }
}
