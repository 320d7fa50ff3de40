use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::super::entry::{Element, Entry};
use super::super::machine::Replica;
use super::super::message::{Effect, Message};
use super::super::origin::{Dot, Origin};
use super::super::seen::Seen;
use super::occurred::Occurred;
use super::random::Random;

/// Copies, and a network that loses, repeats, delays and reorders their messages.
pub(super) struct World {
    pub(super) random: Random,
    /// In microseconds.
    pub(super) now: u64,
    pub(super) nodes: Vec<Node>,
    /// How many of a hundred messages are lost.
    pub(super) loss: u64,
    /// How many of a hundred messages arrive twice.
    repeats: u64,
    delay: u64,
    /// When a message arrives, its number, and where.
    arrivals: BinaryHeap<Reverse<(u64, u64, usize)>>,
    messages: BTreeMap<u64, InFlight>,
    sent: u64,
    message_bytes: usize,
    pub(super) planted: Option<Planted>,
    pub(super) occurred: Occurred,
    /// When the last message arrives on the way from one node to another.
    latest: BTreeMap<(usize, usize), u64>,
    /// On which sides of a partition a key was deleted.
    deleted: [bool; 2],
    /// For each write by what it was removed: by other writes, or none for a delete.
    removed: BTreeMap<Dot, BTreeSet<Option<Dot>>>,
}

/// A defect that the checks have to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Planted {
    /// Copies do not say what they have seen and no longer hold.
    DeletesForgotten,
    /// The last write that was seen of a node stands for all before it.
    HighWaterMarks,
    /// What does not show when it arrives is taken for replaced.
    OverruledDropped,
    /// An increment sets the sum.
    IncrementsAsValues,
    /// A removal from a set removes what its node had not seen, too.
    RemovalsWin,
    /// An item is taken under two stamps.
    ItemsTwice,
    /// What is gone at a peer is dropped before what replaced it arrives.
    GoneAtOnce,
    /// What a peer has seen counts as seen while what replaced it may be on its way.
    SeenEarly,
}

pub(super) struct Node {
    pub(super) replica: Replica,
    /// How far its clock is ahead.
    skew: u64,
    /// Nodes on one side of a partition reach each other.
    pub(super) side: u64,
    /// When it started.
    since: u64,
}

struct InFlight {
    from: Origin,
    /// None if it is for all.
    to: Option<Origin>,
    message: Message,
}

/// How many bytes of entries a message has, in one history or another.
const MESSAGE_BYTES: [usize; 4] = [200, 800, 4000, 1 << 16];
/// One history in so many may have up to 20 nodes, and takes ten times as long as one of 6.
const MANY: u64 = 32;
/// In microseconds.
const HOUR: u64 = 3_600_000_000;

// === impl World ===

impl World {
    pub(super) fn new(seed: u64, planted: Option<Planted>) -> Self {
        let mut random = Random(seed);
        let more = random.below(if seed.is_multiple_of(MANY) { 18 } else { 5 });
        let message_bytes = MESSAGE_BYTES[Random(!seed).index(MESSAGE_BYTES.len())];
        let nodes = (1..=3 + more).map(|node| Node {
            replica: Replica::new(
                Origin {
                    node,
                    incarnation: 1,
                },
                message_bytes,
            ),
            skew: if random.happens_in(30) {
                random.below(2 * HOUR)
            } else {
                0
            },
            side: 0,
            since: 0,
        });
        let mut nodes: Vec<Node> = nodes.collect();
        for node in &mut nodes {
            node.replica.mark_joined();
        }
        let hour_ahead = nodes.iter().filter(|node| node.skew >= HOUR).count();
        let occurred = Occurred {
            fewest_nodes: nodes.len(),
            most_nodes: nodes.len(),
            hour_ahead: hour_ahead as u64,
            ..Occurred::default()
        };
        Self {
            now: 1_000_000_000_000,
            nodes,
            loss: random.below(40),
            repeats: random.below(20),
            delay: 1000 + random.below(300_000),
            arrivals: BinaryHeap::new(),
            messages: BTreeMap::new(),
            sent: 0,
            planted,
            message_bytes,
            random,
            occurred,
            latest: BTreeMap::new(),
            deleted: [false; 2],
            removed: BTreeMap::new(),
        }
    }

    /// Cuts the network in two at random.
    pub(super) fn cut(&mut self) {
        for at in 0..self.nodes.len() {
            self.nodes[at].side = self.random.below(2);
        }
        self.deleted = [false; 2];
    }

    /// Notes that a node deletes a key.
    pub(super) fn note_delete(&mut self, at: usize) {
        let sides = self.nodes.iter().map(|node| node.side);
        if sides.clone().min() == sides.max() {
            return;
        }
        let had_both = self.deleted == [true; 2];
        self.deleted[usize::from(self.nodes[at].side == 1)] = true;
        self.occurred.deletes_apart += u64::from(!had_both && self.deleted == [true; 2]);
    }

    /// What the clock of a node shows.
    pub(super) fn clock_of(&self, at: usize) -> u64 {
        self.now + self.nodes[at].skew
    }

    /// Starts a node again, with nothing.
    pub(super) fn restart(&mut self, at: usize, incarnation: u64) {
        let node = &mut self.nodes[at];
        let origin = Origin {
            node: node.replica.origin().node,
            incarnation,
        };
        node.replica = Replica::new(origin, self.message_bytes);
        node.since = self.now;
        self.occurred.restarts += 1;
        // Or it joins when another answers.
        if self.random.happens_in(50) {
            node.replica.mark_joined();
        }
    }

    pub(super) fn heal(&mut self) {
        for node in &mut self.nodes {
            node.side = 0;
            node.replica.mark_joined();
        }
    }

    pub(super) fn tick(&mut self, at: usize) {
        let now = self.clock_of(at);
        let effects = self.nodes[at].replica.tick(now);
        self.carry_out(at, effects);
    }

    pub(super) fn carry_out(&mut self, at: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Broadcast(message) => {
                    self.note_removed(&message);
                    for to in (0..self.nodes.len()).filter(|to| *to != at) {
                        self.send(at, to, None, &message);
                    }
                }
                Effect::Send(origin, message) => {
                    let mut nodes = self.nodes.iter();
                    let to = nodes.position(|node| node.replica.origin() == origin);
                    if let Some(to) = to {
                        self.send(at, to, Some(origin), &message);
                    }
                }
                Effect::Applied(_) | Effect::ClockAhead(..) => {}
            }
        }
    }

    fn note_removed(&mut self, message: &Message) {
        if let Message::Update(update) = message {
            let by = update.entry.as_ref();
            let by = by.and_then(|entry| entry.elements.keys().next().copied());
            for dot in &update.replaced {
                self.removed.entry(*dot).or_default().insert(by);
            }
        }
    }

    /// Checks that what a node has seen and does not hold was deleted, or that the node holds what
    /// replaced it.
    pub(super) fn check_replacements(&self, at: usize) -> Result<(), String> {
        let replica = &self.nodes[at].replica;
        let entries = replica.entries_from("", None);
        let held: BTreeSet<Dot> = entries
            .flat_map(|(_, entry)| entry.elements.keys().copied())
            .collect();
        for dot in self.removed.keys().filter(|dot| replica.seen().has(**dot)) {
            let (mut waiting, mut known) = (vec![*dot], BTreeSet::new());
            let is_sound = loop {
                let Some(next) = waiting.pop() else {
                    break false;
                };
                let by = self.removed.get(&next);
                if held.contains(&next) || by.is_some_and(|by| by.contains(&None)) {
                    break true;
                }
                let by = by.into_iter().flatten().flatten();
                waiting.extend(by.filter(|dot| known.insert(**dot)));
            };
            if !is_sound {
                let origin = replica.origin();
                return Err(format!("{origin:?} lost {dot:?} and what replaced it"));
            }
        }
        Ok(())
    }

    fn send(&mut self, at: usize, index: usize, to: Option<Origin>, message: &Message) {
        if self.nodes[at].side != self.nodes[index].side {
            self.occurred.cut += 1;
            return;
        }
        if self.random.happens_in(self.loss) {
            self.occurred.lost += 1;
            return;
        }
        let copies = 1 + u64::from(self.random.happens_in(self.repeats));
        self.occurred.repeated += copies - 1;
        for _ in 0..copies {
            let when = self.now + 100 + self.random.below(self.delay);
            self.sent += 1;
            let latest = self.latest.entry((at, index)).or_default();
            self.occurred.overtaking += u64::from(when < *latest);
            *latest = when.max(*latest);
            let in_flight = InFlight {
                from: self.nodes[at].replica.origin(),
                to,
                message: message.clone(),
            };
            self.messages.insert(self.sent, in_flight);
            self.arrivals.push(Reverse((when, self.sent, index)));
        }
    }

    /// Delivers what arrives until then.
    pub(super) fn run_until(&mut self, then: u64) {
        while let Some(Reverse((when, number, index))) = self.arrivals.peek().copied()
            && when <= then
        {
            self.arrivals.pop();
            self.now = when;
            let in_flight = self.messages.remove(&number).expect("it is in flight");
            let node = &self.nodes[index];
            let is_for_it = in_flight.to.is_none_or(|to| to == node.replica.origin());
            if !is_for_it || node.since > when {
                continue;
            }
            let now = self.clock_of(index);
            let replica = &self.nodes[index].replica;
            let again = doubled(&in_flight.message, self.planted);
            let message = altered(replica, in_flight.message, self.planted);
            for message in [Some(message), again].into_iter().flatten() {
                let replica = &mut self.nodes[index].replica;
                let effects = replica.receive(in_flight.from, message, now);
                self.carry_out(index, effects);
            }
        }
        self.now = then;
    }

    /// Whether all copies are equal, and no message is in flight.
    pub(super) fn is_settled(&self) -> bool {
        let first = &self.nodes[0].replica;
        let mut others = self.nodes.iter().map(|node| &node.replica);
        self.arrivals.is_empty()
            && others.all(|other| other.root() == first.root() && other.seen() == first.seen())
    }
}

/// What a copy takes besides a message that takes items twice.
fn doubled(message: &Message, planted: Option<Planted>) -> Option<Message> {
    let (Some(Planted::ItemsTwice), Message::Update(update)) = (planted, message) else {
        return None;
    };
    let mut update = update.clone();
    let entry = update.entry.as_mut()?;
    let (mut dot, element) = entry.elements.pop_first()?;
    if !matches!(element, Element::Item(..)) {
        return None;
    }
    let end = update.key.split_off(update.key.len() - 16);
    update.key.extend(end.chars().rev());
    dot.number += 1 << 40;
    entry.elements.insert(dot, element);
    Some(Message::Update(update))
}

/// A message as copies with a defect send it.
fn altered(replica: &Replica, mut message: Message, planted: Option<Planted>) -> Message {
    match (planted, &mut message) {
        (Some(Planted::RemovalsWin), Message::Update(update)) if update.entry.is_none() => {
            let held = replica.entry(&update.key).into_iter();
            let held = held.flat_map(|entry| entry.elements.keys().copied());
            update.replaced.extend(held);
        }
        (Some(Planted::OverruledDropped), Message::Update(update)) => {
            let held = replica.entry(&update.key).and_then(Entry::base);
            let held = held.map(|(_, stamp, _)| stamp);
            let is_overruled = |element: &Element| match element {
                Element::Value(stamp, _) => held > Some(*stamp),
                Element::Sum { base, .. } => held > *base,
                _ => false,
            };
            update.entry.take_if(|entry| {
                let is_overruled = entry.elements.values().any(is_overruled);
                if is_overruled {
                    update.replaced.extend(entry.elements.keys());
                }
                is_overruled
            });
        }
        (
            Some(Planted::GoneAtOnce),
            Message::Compared { seen, .. } | Message::Gone { seen, .. },
        ) => {
            *seen = replica.seen().fingerprint();
        }
        (Some(Planted::SeenEarly), Message::Chunk { added, .. }) => *added = 0,
        (Some(Planted::DeletesForgotten), Message::Update(update)) => update.replaced.clear(),
        (Some(Planted::DeletesForgotten), Message::Chunk { seen, .. }) => *seen = Seen::default(),
        (
            Some(Planted::HighWaterMarks),
            Message::Pull { seen, .. } | Message::Chunk { seen, .. },
        ) => seen.fill_gaps(),
        _ => {}
    }
    message
}
