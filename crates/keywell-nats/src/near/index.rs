//! What a copy of a bucket knows of its keys: the last message of each, up to a sequence.
//!
//! The messages of a stream are applied in order. Those of a batch, which the server stored as one,
//! are applied as one: when its last message is applied, or a message behind it. So a reader
//! under one borrow sees all of a batch or nothing.
//!
//! A stream keeps the last messages of a key, so of a batch some may be overwritten before they are
//! read. What overwrote them comes later, and until then the index shows a part of the batch. Where
//! messages are missing, it is therefore not whole until it has all that the stream had by then.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::RandomState;

use crate::jetstream::message::{Batch, Deadline};

/// The keys of a stream up to a sequence.
pub(crate) struct Index {
    /// When the stream was created, as the server writes it.
    created: String,
    keys: HashMap<Arc<str>, Held, RandomState>,
    order: BTreeSet<Arc<str>>,
    /// Up to where messages were applied.
    applied: u64,
    /// The last message that was applied: its sequence, and when it was stored.
    last: Option<(u64, u64)>,
    /// The messages of a batch whose end has not come.
    open: Option<(String, Vec<Arrival>)>,
    /// Whether a message was missing, and what took its place may be to come.
    is_torn: bool,
    /// Whether a message of a batch ever came. Without batches nothing shows in parts.
    has_batches: bool,
}

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// The sequence of its message.
    pub(crate) sequence: u64,
    /// When it expires.
    pub(crate) deadline: Option<Deadline>,
    /// The value, if values are kept here.
    pub(crate) value: Option<Bytes>,
}

/// A message, as it arrives at the index.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) sequence: u64,
    /// When it was stored, in milliseconds since 1970.
    pub(crate) at: u64,
    /// `None` for a subject that is of no key.
    pub(crate) key: Option<String>,
    /// When the value expires, and the value if it is to be kept; `None` for a deletion.
    pub(crate) value: Option<(Option<Deadline>, Option<Bytes>)>,
    pub(crate) batch: Option<Batch>,
    /// Whether the stream had no message behind it when it was sent.
    pub(crate) is_last: bool,
}

// === impl Index ===

impl Index {
    /// An empty one, of a stream that was created then.
    pub(crate) fn new(created: String) -> Self {
        Self {
            created,
            keys: HashMap::default(),
            order: BTreeSet::new(),
            applied: 0,
            last: None,
            open: None,
            is_torn: false,
            has_batches: false,
        }
    }

    /// Applies a message; nothing if it was applied before.
    pub(crate) fn apply(&mut self, arrival: Arrival) {
        if arrival.sequence <= self.received() {
            return;
        }
        self.is_torn |= arrival.sequence > self.received() + 1;
        self.has_batches |= arrival.batch.is_some();
        let is_last = arrival.is_last;
        let batch = arrival.batch.clone();
        let identity = batch.as_ref().map(|batch| &*batch.identity);
        if self
            .open
            .as_ref()
            .is_some_and(|(open, _)| Some(&**open) != identity)
        {
            self.end_batch();
        }
        match batch {
            None => self.perform(arrival),
            Some(batch) => {
                let (_, arrivals) = self
                    .open
                    .get_or_insert_with(|| (batch.identity, Vec::new()));
                arrivals.push(arrival);
                if batch.is_last {
                    self.end_batch();
                }
            }
        }
        if is_last && self.open.is_none() {
            self.is_torn = false;
        }
    }

    /// The stream has nothing behind what was applied.
    pub(crate) fn end(&mut self) {
        self.end_batch();
        self.is_torn = false;
    }

    /// Whether it shows no batch in parts.
    pub(crate) fn is_whole(&self) -> bool {
        !(self.is_torn && self.has_batches)
    }

    /// Nothing is left to apply up to a sequence: what was there is overwritten or removed.
    pub(crate) fn advance(&mut self, sequence: u64) {
        self.end();
        self.applied = self.applied.max(sequence);
    }

    /// Removes a key that was found to be gone, unless a later message was applied.
    pub(crate) fn forget(&mut self, key: &str, sequence: u64) {
        if self.get(key).is_some_and(|held| held.sequence == sequence) {
            self.keys.remove(key);
            self.order.remove(key);
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Held> {
        self.keys.get(key)
    }

    /// The keys that begin with a prefix, in the order of their bytes, behind one.
    pub(crate) fn keys_from<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a str, &'a Held)> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let keys = self.order.range::<str, _>((from, Bound::Unbounded));
        keys.take_while(move |key| key.starts_with(prefix))
            .filter_map(|key| Some((&**key, self.keys.get(key)?)))
    }

    /// Up to which sequence it has everything.
    pub(crate) fn applied(&self) -> u64 {
        self.applied
    }

    /// The sequence of the last message that was applied, by which the stream is known again.
    pub(crate) fn last(&self) -> Option<u64> {
        self.last.map(|(sequence, _)| sequence)
    }

    /// Whether it is of the stream that was created then, and that stored its last message then.
    pub(crate) fn is_same_stream(&self, created: &str, timestamp: Option<u64>) -> bool {
        let last = self.last.map(|(_, at)| at);
        self.created == created && last.is_some() && last == timestamp
    }

    /// The sequence of the last message that came, which may be of a batch whose end has not.
    pub(crate) fn received(&self) -> u64 {
        let open = self.open.as_ref().and_then(|(_, arrivals)| arrivals.last());
        open.map_or(self.applied, |arrival| arrival.sequence)
    }

    fn end_batch(&mut self) {
        let arrivals = self.open.take().map(|(_, arrivals)| arrivals);
        for arrival in arrivals.into_iter().flatten() {
            self.perform(arrival);
        }
    }

    fn perform(&mut self, arrival: Arrival) {
        let Arrival {
            sequence,
            at,
            key,
            value,
            ..
        } = arrival;
        self.applied = sequence;
        self.last = Some((sequence, at));
        let Some(key) = key else { return };
        let Some((deadline, value)) = value else {
            self.keys.remove(&*key);
            self.order.remove(&*key);
            return;
        };
        let held = Held {
            sequence,
            deadline,
            value,
        };
        if let Some(known) = self.keys.get_mut(&*key) {
            *known = held;
            return;
        }
        let key: Arc<str> = key.into();
        self.order.insert(key.clone());
        self.keys.insert(key, held);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    /// A stream of random messages. Some belong to batches.
    fn stream(chance: &mut StdRng) -> Vec<Arrival> {
        let mut messages: Vec<Arrival> = Vec::new();
        for batch in 0..40 {
            let is_batch = chance.random_bool(0.4);
            let count = if is_batch {
                chance.random_range(1..6)
            } else {
                1
            };
            for number in 1..=count {
                let sequence = messages.len() as u64 + 1;
                let key = format!(
                    "{}k{}",
                    if sequence.is_multiple_of(2) { "" } else { "p/" },
                    chance.random_range(0..6)
                );
                let value = chance
                    .random_bool(0.7)
                    .then(|| (None, Some(Bytes::from(sequence.to_string()))));
                messages.push(Arrival {
                    sequence,
                    at: 1000 + sequence,
                    key: chance.random_bool(0.95).then_some(key),
                    value,
                    batch: is_batch.then(|| Batch {
                        identity: batch.to_string(),
                        is_last: number == count,
                    }),
                    is_last: false,
                });
            }
        }
        messages
    }

    /// What the stream holds up to a sequence, in the simplest way.
    fn model(messages: &[Arrival], upto: u64) -> BTreeMap<String, u64> {
        let mut keys = BTreeMap::new();
        for message in messages.iter().filter(|message| message.sequence <= upto) {
            let Some(key) = message.key.clone() else {
                continue;
            };
            match message.value {
                Some(_) => keys.insert(key, message.sequence),
                None => keys.remove(&key),
            };
        }
        keys
    }

    fn keys(index: &Index) -> BTreeMap<String, u64> {
        let keys = index.keys_from("", None);
        keys.map(|(key, held)| (key.to_owned(), held.sequence))
            .collect()
    }

    /// Whether a batch begins at or before a sequence and ends after it.
    fn is_within_a_batch(messages: &[Arrival], sequence: u64) -> bool {
        let at = |sequence: u64| messages.iter().find(|message| message.sequence == sequence);
        at(sequence)
            .and_then(|message| message.batch.as_ref())
            .is_some_and(|batch| !batch.is_last)
    }

    /// A server keeps the last message of each key, so that a reader who begins late, or falls
    /// behind, misses some in the middle of the stream and of batches.
    fn compacted(messages: &[Arrival], upto: u64) -> Vec<Arrival> {
        let is_last = |message: &Arrival| {
            message.sequence > upto
                || !messages.iter().any(|later| {
                    let follows = later.sequence > message.sequence && later.sequence <= upto;
                    follows && later.key == message.key
                })
        };
        let kept = messages.iter().filter(|message| is_last(message));
        kept.cloned().collect()
    }

    #[test]
    fn it_has_what_the_stream_has_and_never_part_of_a_batch() {
        for seed in 0..500 {
            let chance = &mut StdRng::seed_from_u64(seed);
            let messages = stream(chance);
            let end = messages.len() as u64;
            let begun_at = chance.random_range(0..=end);
            let mut index = Index::new("then".to_owned());
            let mut delivered = compacted(&messages, begun_at);
            // A reader that resumes repeats some.
            for _ in 0..3 {
                let at = chance.random_range(0..delivered.len());
                let again = chance.random_range(0..=at);
                let repeated = delivered[again..=at].to_vec();
                let after = at + 1;
                delivered.splice(after..after, repeated);
            }
            let mut reached = 0;
            for message in delivered {
                reached = reached.max(message.sequence);
                index.apply(message);
                let applied = index.applied();
                assert!(applied <= reached, "seed {seed}");
                if applied >= begun_at {
                    assert!(!is_within_a_batch(&messages, applied), "seed {seed}");
                    assert_eq!(keys(&index), model(&messages, applied), "seed {seed}");
                }
            }
            assert_eq!(index.applied(), end, "seed {seed}");
            assert_eq!(index.last(), Some(end), "seed {seed}");
            for (key, held) in index.keys_from("", None) {
                let value = held.value.as_deref();
                assert_eq!(value, Some(held.sequence.to_string().as_bytes()));
                assert_eq!(index.get(key), Some(held));
            }
        }
    }

    /// What a reader receives that falls behind: while it waits, messages are overwritten.
    #[test]
    fn it_shows_no_part_of_a_batch_while_it_is_whole() {
        let mut was_torn = 0;
        for seed in 0..2000 {
            let chance = &mut StdRng::seed_from_u64(seed);
            let messages = stream(chance);
            let end = messages.len() as u64;
            let mut index = Index::new("then".to_owned());
            // Up to where the stream is written.
            let whole = |mut upto: u64| {
                // The server stores a batch as one.
                while is_within_a_batch(&messages, upto) {
                    upto += 1;
                }
                upto
            };
            let mut written = whole(chance.random_range(1..=5.min(end)));
            while index.received() < end {
                let next = compacted(&messages, written).into_iter();
                let mut next = next.filter(|message| message.sequence <= written);
                let Some(message) = next.find(|next| next.sequence > index.received()) else {
                    index.end();
                    written = whole(written + 1);
                    continue;
                };
                let is_last = message.sequence == written;
                index.apply(Arrival { is_last, ..message });
                if index.is_torn {
                    was_torn += 1;
                } else {
                    let applied = index.applied();
                    assert!(!is_within_a_batch(&messages, applied), "seed {seed}");
                    assert_eq!(keys(&index), model(&messages, applied), "seed {seed}");
                }
                assert_eq!(index.is_whole(), !index.is_torn || !index.has_batches);
                if chance.random_bool(0.1) {
                    written = whole(chance.random_range(written..=(written + 20).min(end)));
                }
            }
            assert!(index.is_whole(), "seed {seed}");
        }
        assert!(was_torn > 100, "{was_torn}");
    }

    #[test]
    fn keys_are_listed_from_a_prefix_and_behind_a_key() {
        for seed in 0..200 {
            let chance = &mut StdRng::seed_from_u64(seed);
            let messages = stream(chance);
            let mut index = Index::new("then".to_owned());
            for message in &messages {
                index.apply(message.clone());
            }
            let all = model(&messages, u64::MAX);
            for prefix in ["", "p/", "k", "p/k3", "zz"] {
                for after in [None, Some("a"), Some("k2"), Some("p/k1"), Some("zzz")] {
                    let expected: Vec<&str> = all
                        .keys()
                        .map(|key| &**key)
                        .filter(|key| key.starts_with(prefix))
                        .filter(|key| after.is_none_or(|after| *key > after))
                        .collect();
                    let listed: Vec<&str> =
                        index.keys_from(prefix, after).map(|(key, _)| key).collect();
                    assert_eq!(listed, expected, "seed {seed}: {prefix:?} {after:?}");
                }
            }
        }
    }

    fn set(key: &str, sequence: u64, batch: Option<(&str, bool)>) -> Arrival {
        Arrival {
            sequence,
            at: sequence,
            key: Some(key.to_owned()),
            value: Some((None, None)),
            batch: batch.map(|(identity, is_last)| Batch {
                identity: identity.to_owned(),
                is_last,
            }),
            is_last: false,
        }
    }

    #[test]
    fn a_batch_whose_last_message_is_overwritten_ends_with_the_next_message() {
        let mut index = Index::new("then".to_owned());
        index.apply(set("a", 1, Some(("x", false))));
        index.apply(set("b", 2, Some(("x", false))));
        assert_eq!(index.applied(), 0);
        index.apply(set("c", 4, Some(("y", false))));
        assert_eq!((index.applied(), keys(&index).len()), (2, 2));
        index.advance(5);
        assert_eq!((index.applied(), keys(&index).len()), (5, 3));
    }

    #[test]
    fn a_stream_is_known_by_its_creation_and_its_last_message() {
        let mut index = Index::new("then".to_owned());
        assert!(!index.is_same_stream("then", None), "nothing shows it");
        index.apply(set("a", 7, None));
        assert!(index.is_same_stream("then", Some(7)));
        assert!(!index.is_same_stream("now", Some(7)));
        assert!(!index.is_same_stream("then", Some(8)));
        assert!(!index.is_same_stream("then", None));
    }

    #[test]
    fn a_key_that_was_written_again_is_not_forgotten() {
        let mut index = Index::new("then".to_owned());
        index.apply(set("a", 1, None));
        index.apply(set("a", 2, None));
        index.forget("a", 1);
        assert!(index.get("a").is_some());
        index.forget("a", 2);
        assert!(index.get("a").is_none() && keys(&index).is_empty());
    }
}
