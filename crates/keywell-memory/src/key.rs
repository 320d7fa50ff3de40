use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;

/// The number of stripes of a bucket. A set of stripes is a bitmap of 64 bits.
pub(crate) const STRIPES: usize = 64;

/// A key and its hash, which each call computes once.
#[derive(Clone, Copy)]
pub(crate) struct HashedKey<'a> {
    pub(crate) text: &'a str,
    pub(crate) hash: u64,
}

// === impl HashedKey ===

impl<'a> HashedKey<'a> {
    pub(crate) fn new(hasher: &RandomState, text: &'a str) -> Self {
        Self {
            text,
            hash: hasher.hash_one(text),
        }
    }

    /// The stripe of the key. It depends on bits that the table inside the stripe does not use: the
    /// table takes the lowest bits for the position, and the seven highest to compare neighbours.
    pub(crate) fn stripe(self) -> usize {
        (self.hash >> 48) as usize % STRIPES
    }
}
