//! What a key holds: elements, each the work of one write, which is its name.
//!
//! Two copies of an entry merge by their elements. An element that one copy lacks although its node
//! has seen the write was deleted or replaced there; otherwise it is new to it. That is all that a
//! delete leaves, so there are no tombstones.

use std::collections::BTreeMap;

use bytes::Bytes;
use keywell_store::counter;

use super::clock::Stamp;
use super::elements::Elements;
use super::hash::Fingerprint;
use super::origin::{Dot, Origin};
use super::seen::Seen;

/// The value of a key. Has an element wherever it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Entry {
    /// When the key was set last; none if it was only added to. What was added to a value that was
    /// set has the time of that value.
    pub(crate) stamp: Option<Stamp>,
    /// By the write that made each.
    pub(crate) elements: Elements,
}

/// A part of a value.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Element {
    /// What the key was set to.
    Value(Bytes),
    /// What a process added to a number, up to this write.
    Sum {
        /// All of it. The value that it adds to may be of the other sign.
        total: i128,
        /// When.
        micros: u64,
    },
    /// An item of a list.
    Item(Stamp, String),
    /// A member of a set.
    Member(Stamp, String),
}

// === impl Entry ===

impl Entry {
    pub(crate) fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// What it was set to, and by which write.
    pub(crate) fn base(&self) -> Option<(Dot, &Bytes)> {
        self.elements
            .iter()
            .find_map(|(dot, element)| match element {
                Element::Value(value) => Some((*dot, value)),
                _ => None,
            })
    }

    /// What a process added to it, and by which write last.
    pub(crate) fn sum_of(&self, origin: Origin) -> Option<(Dot, i128)> {
        let first = Dot { origin, number: 0 };
        let last = Dot {
            origin,
            number: u64::MAX,
        };
        self.elements
            .range(first..=last)
            .find_map(|(dot, element)| match element {
                Element::Sum { total, .. } => Some((*dot, *total)),
                _ => None,
            })
    }

    fn sums(&self) -> impl Iterator<Item = i128> {
        self.elements.values().filter_map(|element| match element {
            Element::Sum { total, .. } => Some(*total),
            _ => None,
        })
    }

    /// The number that it is, if it is one.
    pub(crate) fn number(&self) -> Option<i64> {
        let base = match self.base() {
            None => 0,
            Some((_, text)) => counter::number(text).ok()?,
        };
        let all = self.sums().fold(i128::from(base), i128::saturating_add);
        // Each of several nodes may have stayed within bounds.
        let bound = if all < 0 { i64::MIN } else { i64::MAX };
        Some(i64::try_from(all).unwrap_or(bound))
    }

    /// Its value, if it is one that was set or added to.
    pub(crate) fn value(&self) -> Option<Bytes> {
        let has_sums = self.sums().next().is_some();
        match self.base() {
            Some((_, value)) if !has_sums => Some(value.clone()),
            None if !has_sums => None,
            _ => Some(counter::text(self.number().unwrap_or_default())),
        }
    }

    /// The item or the member that it is. Writes at once, and members of one hash, make several.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (Dot, &str)> {
        self.elements
            .iter()
            .filter_map(|(dot, element)| match element {
                Element::Item(_, text) | Element::Member(_, text) => Some((*dot, text.as_str())),
                _ => None,
            })
    }

    /// When it was written last, in microseconds since 1970.
    pub(crate) fn written(&self) -> u64 {
        let added = self.elements.values().map(|element| match element {
            Element::Value(_) => 0,
            Element::Sum { micros, .. } => *micros,
            Element::Item(stamp, _) | Element::Member(stamp, _) => stamp.micros,
        });
        let set = self.stamp.map_or(0, |stamp| stamp.micros);
        added.max().unwrap_or(0).max(set)
    }

    /// The latest stamp in it.
    pub(crate) fn stamps(&self) -> impl Iterator<Item = Stamp> {
        let added = self.elements.values().filter_map(|element| match element {
            Element::Item(stamp, _) | Element::Member(stamp, _) => Some(*stamp),
            _ => None,
        });
        self.stamp.into_iter().chain(added)
    }

    /// How many bytes its texts have.
    pub(crate) fn bytes(&self) -> usize {
        let each = self.elements.values().map(|element| match element {
            Element::Value(value) => value.len(),
            Element::Sum { .. } => 8,
            Element::Item(_, text) | Element::Member(_, text) => text.len(),
        });
        each.map(|bytes| bytes + 64).sum()
    }

    /// What two nodes hold together that hold these and have seen these writes; none if that is
    /// nothing.
    pub(crate) fn merge(
        ours: Option<&Self>,
        seen: &Seen,
        theirs: Option<&Self>,
        theirs_seen: &Seen,
    ) -> Option<Self> {
        let own = Self::undeleted(ours, theirs, theirs_seen);
        let other = Self::undeleted(theirs, ours, seen);
        let (mut later, earlier) = match (own, other) {
            // A set replaces what it had not seen of an earlier one, and of what was added to that.
            (Some(own), Some(other)) if own.stamp < other.stamp => (other, own),
            (Some(own), Some(other)) => (own, other),
            (own, other) => return own.or(other),
        };
        if later.stamp == earlier.stamp {
            later.elements.extend(earlier.elements);
            later.drop_earlier_sums();
        }
        Some(later)
    }

    /// Without what a peer has seen and no longer holds.
    fn undeleted(entry: Option<&Self>, held: Option<&Self>, seen: &Seen) -> Option<Self> {
        let entry = entry?;
        let is_held = |dot| held.is_some_and(|held| held.elements.contains_key(dot));
        let left = entry
            .elements
            .iter()
            .filter(|(dot, _)| !seen.has(**dot) || is_held(dot));
        let elements: Elements = left.map(|(dot, element)| (*dot, element.clone())).collect();
        (!elements.is_empty()).then_some(Self {
            stamp: entry.stamp,
            elements,
        })
    }

    /// A sum of a process holds its earlier ones. They can come later.
    fn drop_earlier_sums(&mut self) {
        let mut sums: BTreeMap<Origin, u64> = BTreeMap::new();
        for (dot, element) in &self.elements {
            if matches!(element, Element::Sum { .. }) {
                sums.insert(dot.origin, dot.number);
            }
        }
        self.elements.retain(|dot, element| {
            !matches!(element, Element::Sum { .. }) || sums.get(&dot.origin) == Some(&dot.number)
        });
    }

    /// Differs between entries of different writes.
    pub(crate) fn fingerprint(&self, key: &str) -> u64 {
        let mut fingerprint = Fingerprint::of(key.as_bytes());
        if let Some(stamp) = self.stamp {
            fingerprint.add(stamp.micros);
            fingerprint.add(stamp.origin.node);
            fingerprint.add(stamp.origin.incarnation);
        }
        for dot in self.elements.keys() {
            fingerprint.add(dot.origin.node);
            fingerprint.add(dot.origin.incarnation);
            fingerprint.add(dot.number);
        }
        fingerprint.finish()
    }
}
