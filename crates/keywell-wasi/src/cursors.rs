use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};

use keywell_store::{Cursor, Error, Invalid, Result};
use parking_lot::Mutex;

/// Cursors by number, for the generation whose cursors are numbers.
///
/// A number cannot hold a place in a bucket, so places are kept here, the latest
/// [`Cursors::KEPT`] of them, for all instances of a component. They end with the process.
///
/// No component can guess a number, but for one that is replayed, which alone has its cursors.
#[derive(Default)]
pub(crate) struct Cursors {
    kept: Mutex<Kept>,
    numbering: Numbering,
}

enum Numbering {
    Random(RandomState),
    Replayed,
}

#[derive(Default)]
struct Kept {
    cursors: HashMap<u64, Cursor>,
    oldest_first: VecDeque<u64>,
}

// === impl Cursors ===

impl Cursors {
    const KEPT: usize = 4096;

    /// With the same numbers in each process.
    pub(crate) fn replayed() -> Self {
        Self {
            kept: Mutex::default(),
            numbering: Numbering::Replayed,
        }
    }

    /// The number by which [`Cursors::cursor`] finds this cursor again. One cursor has one number.
    pub(crate) fn number(&self, cursor: Cursor) -> u64 {
        let number = self.numbering.number(&cursor);
        let mut kept = self.kept.lock();
        if kept.cursors.insert(number, cursor).is_none() {
            kept.oldest_first.push_back(number);
            if kept.oldest_first.len() > Self::KEPT
                && let Some(oldest) = kept.oldest_first.pop_front()
            {
                kept.cursors.remove(&oldest);
            }
        }
        number
    }

    /// The cursor of a number that was handed out.
    pub(crate) fn cursor(&self, number: u64) -> Result<Cursor> {
        self.kept
            .lock()
            .cursors
            .get(&number)
            .cloned()
            .ok_or(Error::Invalid(Invalid::Cursor))
    }
}

// === impl Numbering ===

impl Default for Numbering {
    fn default() -> Self {
        Self::Random(RandomState::new())
    }
}

impl Numbering {
    fn number(&self, cursor: &Cursor) -> u64 {
        // FNV-1a, whose numbers no version of Rust changes.
        const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0100_0000_01b3;
        match self {
            Self::Random(state) => state.hash_one(cursor),
            Self::Replayed => cursor.as_str().bytes().fold(BASIS, |number, byte| {
                (number ^ u64::from(byte)).wrapping_mul(PRIME)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_was_not_handed_out_is_refused_and_old_ones_are_forgotten() {
        let cursors = Cursors::default();
        let cursor = |n: usize| Cursor::from(n.to_string());
        let first = cursors.number(cursor(0));
        assert_eq!(cursors.cursor(first).unwrap(), cursor(0));
        assert_eq!(cursors.number(cursor(0)), first);
        assert!(cursors.cursor(first.wrapping_add(1)).is_err());
        for n in 1..=Cursors::KEPT {
            cursors.number(cursor(n));
        }
        assert!(cursors.cursor(first).is_err());
        assert_eq!(cursors.kept.lock().cursors.len(), Cursors::KEPT);
    }

    #[test]
    fn a_component_that_is_replayed_has_the_same_numbers_again() {
        let cursor = Cursor::from("page 2".to_owned());
        let [one, other] = [(); 2].map(|()| Cursors::replayed().number(cursor.clone()));
        assert_eq!(one, other);
        assert_eq!(one, 0xdbfd_9d79_989a_29d0);
    }
}
