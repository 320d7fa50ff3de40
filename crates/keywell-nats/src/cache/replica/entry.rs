//! What a key holds: elements, each the work of one write, which is its name.
//!
//! Two copies of an entry merge by their elements. An element that one copy lacks although its node
//! has seen the write was deleted or replaced there; otherwise it is new to it. That is all that a
//! delete leaves, so there are no tombstones.
//!
//! Values that nodes set at once are all kept, as is what was added to each. The one that was set
//! last shows, with what was added to it or to a later one. What does not show may show again, when
//! it turns out that the value before it was deleted. The node that wrote it removes it: it knows
//! that it had not seen that value.

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
    /// By the write that made each.
    pub(crate) elements: Elements<Element>,
}

/// A part of a value.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Element {
    /// What the key was set to.
    Value(Stamp, Bytes),
    /// What a process added to a number, up to this write.
    Sum {
        /// When the number was set to which it adds; none if it was not set.
        base: Option<Stamp>,
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
    pub(crate) fn new(dot: Dot, element: Element) -> Self {
        Self {
            elements: [(dot, element)].into(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// The value that was set last: by which write, when, and to what.
    pub(crate) fn base(&self) -> Option<(Dot, Stamp, &Bytes)> {
        let values = self.elements.iter();
        let values = values.filter_map(|(dot, element)| match element {
            Element::Value(stamp, value) => Some((*dot, *stamp, value)),
            _ => None,
        });
        values.max_by_key(|(dot, stamp, _)| (*stamp, *dot))
    }

    /// What a process added to a base, and by which write last.
    pub(crate) fn sum_of(&self, origin: Origin, base: Option<Stamp>) -> Option<(Dot, i128)> {
        let first = Dot { origin, number: 0 };
        let last = Dot {
            origin,
            number: u64::MAX,
        };
        self.elements
            .range(first..=last)
            .find_map(|(dot, element)| match element {
                Element::Sum {
                    base: of, total, ..
                } if *of == base => Some((*dot, *total)),
                _ => None,
            })
    }

    /// What shows: all but values that were set before another, and what was added to those.
    fn shown(&self) -> impl Iterator<Item = (Dot, &Element)> {
        let base = self.base().map(|(_, stamp, _)| stamp);
        let elements = self.elements.iter().map(|(dot, element)| (*dot, element));
        elements.filter(move |(_, element)| element.shows_with(base))
    }

    /// The writes of a process that do not show.
    pub(crate) fn overruled(&self, origin: Origin) -> Vec<Dot> {
        let base = self.base().map(|(_, stamp, _)| stamp);
        let elements = self.elements.iter();
        let overruled = elements
            .filter(|(dot, element)| dot.origin == origin && !element.shows_with(base))
            .map(|(dot, _)| *dot);
        overruled.collect()
    }

    fn sums(&self) -> impl Iterator<Item = i128> {
        self.shown().filter_map(|(_, element)| match element {
            Element::Sum { total, .. } => Some(*total),
            _ => None,
        })
    }

    /// The number that it is, if it is one.
    pub(crate) fn number(&self) -> Option<i64> {
        let base = match self.base() {
            None => 0,
            Some((_, _, text)) => counter::number(text).ok()?,
        };
        let all = self.sums().fold(i128::from(base), i128::saturating_add);
        // Each of several nodes may have stayed within bounds.
        let bound = if all < 0 { i64::MIN } else { i64::MAX };
        Some(i64::try_from(all).unwrap_or(bound))
    }

    /// Its value, if it is one that was set or added to.
    pub(crate) fn value(&self) -> Option<Bytes> {
        if let Some(Element::Value(_, value)) = self.elements.only() {
            return Some(value.clone());
        }
        let has_sums = self.sums().next().is_some();
        match self.base() {
            Some((_, _, value)) if !has_sums => Some(value.clone()),
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
        let times = self.elements.values().map(|element| match element {
            Element::Sum { micros, .. } => *micros,
            Element::Value(stamp, _) | Element::Item(stamp, _) | Element::Member(stamp, _) => {
                stamp.micros
            }
        });
        times.max().unwrap_or(0)
    }

    /// The stamps in it.
    pub(crate) fn stamps(&self) -> impl Iterator<Item = Stamp> {
        self.elements.values().filter_map(|element| match element {
            Element::Sum { base, .. } => *base,
            Element::Value(stamp, _) | Element::Item(stamp, _) | Element::Member(stamp, _) => {
                Some(*stamp)
            }
        })
    }

    /// About how many bytes it has.
    pub(crate) fn bytes(&self) -> usize {
        let each = self.elements.values().map(|element| match element {
            Element::Value(_, value) => value.len(),
            Element::Sum { .. } => 8,
            Element::Item(_, text) | Element::Member(_, text) => text.len(),
        });
        each.map(|bytes| bytes + 64).sum()
    }

    /// Whether it is sent as a whole in a message with so many bytes of entries.
    pub(crate) fn fits(&self, most: usize) -> bool {
        self.elements.len() == 1 || self.bytes() <= most / 4
    }

    /// Takes what a peer holds, and drops what it has seen and does not hold. What is new here counts
    /// as seen from now on.
    pub(crate) fn join(
        &mut self,
        seen: &mut Seen,
        theirs: Self,
        have_they_seen: impl Fn(Dot) -> bool,
    ) {
        self.elements
            .retain(|dot, _| theirs.elements.contains_key(dot) || !have_they_seen(*dot));
        for (dot, element) in theirs.elements {
            if seen.add(dot) {
                self.elements.insert(dot, element);
            }
        }
        if self.elements.len() > 1 {
            self.drop_earlier_sums();
        }
    }

    /// A sum of a process holds its earlier ones of the same base. They can come later.
    fn drop_earlier_sums(&mut self) {
        let key = |dot: &Dot, element: &Element| match element {
            Element::Sum { base, .. } => Some((dot.origin, *base)),
            _ => None,
        };
        let sums = self.elements.iter();
        let sums = sums.filter_map(|(dot, element)| Some((key(dot, element)?, dot.number)));
        let last: BTreeMap<_, u64> = sums.collect();
        self.elements.retain(|dot, element| {
            let sum = key(dot, element);
            sum.is_none_or(|sum| last.get(&sum) == Some(&dot.number))
        });
    }

    /// Differs between entries of which different writes show.
    pub(crate) fn fingerprint(&self, key: &str) -> u64 {
        let mut fingerprint = Fingerprint::of(key.as_bytes());
        for (dot, _) in self.shown() {
            fingerprint.add(dot.origin.node);
            fingerprint.add(dot.origin.incarnation);
            fingerprint.add(dot.number);
        }
        fingerprint.finish()
    }
}

// === impl Element ===

impl Element {
    /// Whether it shows where the value that shows was set then.
    fn shows_with(&self, base: Option<Stamp>) -> bool {
        match self {
            Self::Value(stamp, _) => Some(*stamp) == base,
            Self::Sum { base: of, .. } => *of >= base,
            Self::Item(..) | Self::Member(..) => true,
        }
    }
}
