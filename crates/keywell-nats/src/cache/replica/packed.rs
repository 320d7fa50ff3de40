//! Updates in few bytes: each origin is named once, and times are counted from that of the first.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::clock::Stamp;
use super::entry::{Element, Entry};
use super::origin::{Dot, Origin};
use super::update::Update;

#[derive(Serialize, Deserialize)]
struct Packed<'a> {
    origins: Vec<Origin>,
    /// The time from which others are counted, in microseconds.
    epoch: u64,
    updates: Vec<PackedUpdate<'a>>,
}

#[derive(Serialize, Deserialize)]
struct PackedUpdate<'a> {
    key: Cow<'a, str>,
    elements: Vec<(Name, PackedElement<'a>)>,
    replaced: Vec<Name>,
    adds_to: Option<Name>,
}

#[derive(Serialize, Deserialize)]
enum PackedElement<'a> {
    Value(Time, Cow<'a, Bytes>),
    Sum {
        base: Option<Time>,
        total: i128,
        micros: i64,
    },
    Item(Time, Cow<'a, str>),
    Member(Time, Cow<'a, str>),
}

/// A dot: the place of its origin, and its number.
type Name = (u32, u64);
/// A stamp: the place of its origin, and how long after the epoch it is.
type Time = (u32, i64);

/// Gives origins their places.
struct Packing {
    origins: Vec<Origin>,
    epoch: u64,
}

pub(super) fn serialize<S: Serializer>(updates: &[Update], to: S) -> Result<S::Ok, S::Error> {
    let entries = updates.iter().filter_map(|update| update.entry.as_ref());
    let mut packing = Packing {
        origins: Vec::new(),
        epoch: entries.map(Entry::written).next().unwrap_or_default(),
    };
    let updates: Vec<_> = updates
        .iter()
        .map(|update| packing.update(update))
        .collect();
    let packed = Packed {
        origins: packing.origins,
        epoch: packing.epoch,
        updates,
    };
    packed.serialize(to)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Update>, D::Error> {
    let packed = Packed::deserialize(from)?;
    let packing = Packing {
        origins: packed.origins,
        epoch: packed.epoch,
    };
    let updates = packed.updates.into_iter();
    let updates: Option<_> = updates.map(|update| packing.unpack(update)).collect();
    updates.ok_or_else(|| serde::de::Error::custom("an update names an origin that is not there"))
}

// === impl Packing ===

impl Packing {
    fn update<'a>(&mut self, update: &'a Update) -> PackedUpdate<'a> {
        let elements = update.entry.iter().flat_map(|entry| &entry.elements);
        let elements = elements.map(|(dot, element)| (self.name(*dot), self.element(element)));
        PackedUpdate {
            key: Cow::Borrowed(&update.key),
            elements: elements.collect(),
            replaced: update.replaced.iter().map(|dot| self.name(*dot)).collect(),
            adds_to: update.adds_to.map(|dot| self.name(dot)),
        }
    }

    fn element<'a>(&mut self, element: &'a Element) -> PackedElement<'a> {
        match element {
            Element::Value(stamp, value) => {
                PackedElement::Value(self.time(*stamp), Cow::Borrowed(value))
            }
            Element::Sum {
                base,
                total,
                micros,
            } => PackedElement::Sum {
                base: base.map(|stamp| self.time(stamp)),
                total: *total,
                micros: self.since(*micros),
            },
            Element::Item(stamp, text) => {
                PackedElement::Item(self.time(*stamp), Cow::Borrowed(text))
            }
            Element::Member(stamp, text) => {
                PackedElement::Member(self.time(*stamp), Cow::Borrowed(text))
            }
        }
    }

    fn name(&mut self, dot: Dot) -> Name {
        (self.place(dot.origin), dot.number)
    }

    fn time(&mut self, stamp: Stamp) -> Time {
        (self.place(stamp.origin), self.since(stamp.micros))
    }

    fn since(&self, micros: u64) -> i64 {
        micros.wrapping_sub(self.epoch).cast_signed()
    }

    fn place(&mut self, origin: Origin) -> u32 {
        // Most messages name one or two. The latest is the likeliest.
        let known = self.origins.iter().rposition(|known| *known == origin);
        let place = known.unwrap_or_else(|| {
            self.origins.push(origin);
            self.origins.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    fn unpack(&self, update: PackedUpdate<'_>) -> Option<Update> {
        let elements = update.elements.into_iter();
        let elements =
            elements.map(|(name, element)| Some((self.dot(name)?, self.whole(element)?)));
        let entry = Entry {
            elements: elements.collect::<Option<_>>()?,
        };
        let replaced = update.replaced.into_iter().map(|name| self.dot(name));
        Some(Update {
            key: update.key.into_owned(),
            entry: (!entry.is_empty()).then_some(entry),
            replaced: replaced.collect::<Option<_>>()?,
            adds_to: match update.adds_to {
                Some(name) => Some(self.dot(name)?),
                None => None,
            },
        })
    }

    fn whole(&self, element: PackedElement<'_>) -> Option<Element> {
        Some(match element {
            PackedElement::Value(time, value) => {
                Element::Value(self.stamp(time)?, value.into_owned())
            }
            PackedElement::Sum {
                base,
                total,
                micros,
            } => Element::Sum {
                base: match base {
                    Some(time) => Some(self.stamp(time)?),
                    None => None,
                },
                total,
                micros: self.micros(micros),
            },
            PackedElement::Item(time, text) => Element::Item(self.stamp(time)?, text.into_owned()),
            PackedElement::Member(time, text) => {
                Element::Member(self.stamp(time)?, text.into_owned())
            }
        })
    }

    fn dot(&self, (place, number): Name) -> Option<Dot> {
        let origin = self.origin(place)?;
        Some(Dot { origin, number })
    }

    fn stamp(&self, (place, since): Time) -> Option<Stamp> {
        let origin = self.origin(place)?;
        let micros = self.micros(since);
        Some(Stamp { micros, origin })
    }

    fn micros(&self, since: i64) -> u64 {
        self.epoch.wrapping_add_signed(since)
    }

    fn origin(&self, place: u32) -> Option<Origin> {
        self.origins.get(place as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Message;
    use super::*;

    fn origin(node: u64) -> Origin {
        let incarnation = u64::MAX - node;
        Origin { node, incarnation }
    }

    fn dot(node: u64, number: u64) -> Dot {
        let origin = origin(node);
        Dot { origin, number }
    }

    fn stamp(node: u64, micros: u64) -> Stamp {
        let origin = origin(node);
        Stamp { micros, origin }
    }

    fn sent(updates: &[Update]) -> Vec<u8> {
        postcard::to_allocvec(&Message::Updates(updates.to_vec())).expect("it is encoded")
    }

    #[test]
    fn updates_arrive_as_they_were_sent() {
        let elements = [
            (dot(1, 1), Element::Value(stamp(2, 1 << 60), "value".into())),
            (dot(1, 2), Element::Item(stamp(1, 0), "item".to_owned())),
            (
                dot(2, u64::MAX),
                Element::Member(stamp(3, u64::MAX), String::new()),
            ),
            (
                dot(4, 3),
                Element::Sum {
                    base: Some(stamp(5, 7)),
                    total: i128::MIN,
                    micros: 9,
                },
            ),
        ];
        let updates = [
            Update {
                key: "gone".to_owned(),
                entry: None,
                replaced: vec![dot(6, 1), dot(1, 1)],
                adds_to: None,
            },
            Update {
                key: String::new(),
                entry: Some(Entry {
                    elements: elements.into(),
                }),
                replaced: Vec::new(),
                adds_to: Some(dot(7, 2)),
            },
        ];
        let read = postcard::from_bytes(&sent(&updates)).expect("it is decoded");
        let Message::Updates(read) = read else {
            panic!("{read:?}");
        };
        assert_eq!(format!("{read:?}"), format!("{updates:?}"));
    }

    #[test]
    fn an_origin_that_is_not_there_is_refused() {
        let bytes = sent(&[Update {
            key: "k".to_owned(),
            entry: None,
            replaced: vec![dot(1, 1)],
            adds_to: None,
        }]);
        let read = |bytes: &[u8]| postcard::from_bytes::<Message>(bytes).is_ok();
        assert!(read(&bytes));
        let mut wrong = bytes;
        // The place before the number and the missing base.
        let at = wrong.len() - 3;
        assert_eq!(wrong[at], 0);
        wrong[at] = 1;
        assert!(!read(&wrong));
    }

    #[test]
    fn a_set_has_few_bytes_besides_its_key_and_value() {
        let updates: Vec<Update> = (1..=100)
            .map(|number| {
                let stamp = stamp(1, (1 << 50) + 10 * number);
                let element = Element::Value(stamp, "value".into());
                Update {
                    key: "key".to_owned(),
                    entry: Some(Entry::new(dot(1, number), element)),
                    replaced: vec![dot(2, number)],
                    adds_to: None,
                }
            })
            .collect();
        let bytes = sent(&updates).len();
        assert!(bytes < 100 * (8 + 16), "{bytes}");
    }
}
