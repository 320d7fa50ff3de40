//! Values that were read, by the sequence of their message, within a bound of bytes.
//!
//! A sequence never gets another value, so nothing here is ever out of date. Two generations
//! approximate an order of use: what is used moves to the young one, and when that has half of the
//! bytes, the old one is dropped and the young one takes its place.

use std::collections::HashMap;

use bytes::Bytes;
use parking_lot::Mutex;

/// What a value costs besides its bytes.
const OVERHEAD: usize = 64;

/// A bounded cache of values.
pub(crate) struct Values {
    generations: Mutex<Generations>,
    /// The most bytes of a generation.
    most: usize,
}

#[derive(Default)]
struct Generations {
    young: Generation,
    old: Generation,
}

#[derive(Default)]
struct Generation {
    values: HashMap<u64, Bytes>,
    bytes: usize,
}

// === impl Values ===

impl Values {
    /// A cache of at most so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            generations: Mutex::default(),
            most: bytes / 2,
        }
    }

    pub(crate) fn get(&self, sequence: u64) -> Option<Bytes> {
        let mut generations = self.generations.lock();
        if let Some(value) = generations.young.values.get(&sequence) {
            return Some(value.clone());
        }
        let value = generations.old.values.remove(&sequence)?;
        generations.old.bytes -= value.len() + OVERHEAD;
        self.keep(&mut generations, sequence, value.clone());
        Some(value)
    }

    /// Keeps a value, unless it is larger than a generation.
    pub(crate) fn insert(&self, sequence: u64, value: Bytes) {
        self.keep(&mut self.generations.lock(), sequence, value);
    }

    /// Drops everything: the sequences are those of another stream from here on.
    pub(crate) fn clear(&self) {
        *self.generations.lock() = Generations::default();
    }

    fn keep(&self, generations: &mut Generations, sequence: u64, value: Bytes) {
        let bytes = value.len() + OVERHEAD;
        if bytes > self.most {
            return;
        }
        if generations.young.bytes + bytes > self.most {
            generations.old = std::mem::take(&mut generations.young);
        }
        let Generation {
            values,
            bytes: total,
        } = &mut generations.young;
        if values.insert(sequence, value).is_none() {
            *total += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(values: &Values) -> usize {
        let generations = values.generations.lock();
        let all = [&generations.young, &generations.old];
        for generation in all {
            let bytes: usize = generation.values.values().map(|v| v.len() + OVERHEAD).sum();
            assert_eq!(bytes, generation.bytes);
        }
        all.iter().map(|generation| generation.bytes).sum()
    }

    #[test]
    fn it_never_holds_more_than_its_bound_and_keeps_what_is_used() {
        let values = Values::new(10_000);
        for sequence in 0..1000 {
            let size = usize::try_from(sequence % 300).unwrap();
            values.insert(sequence, vec![0; size].into());
            assert_eq!(values.get(0), Some(Bytes::new()), "at {sequence}");
            assert!(held(&values) <= 10_000);
        }
        assert_eq!(values.get(1), None);
        assert_eq!(values.get(999).unwrap().len(), 99);
    }

    #[test]
    fn a_value_past_the_bound_is_not_kept() {
        let values = Values::new(1000);
        values.insert(1, vec![0; 600].into());
        assert_eq!(values.get(1), None);
        values.insert(2, Bytes::new());
        values.insert(2, Bytes::new());
        assert_eq!(held(&values), OVERHEAD);
        values.clear();
        assert_eq!(held(&values), 0);
    }
}
