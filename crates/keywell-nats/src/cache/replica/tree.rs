//! Fingerprints of all writes that a copy holds, so that two copies find what differs without naming
//! what does not.
//!
//! Writes of an origin with consecutive numbers are in one leaf, since they are named in runs: what
//! a copy holds of 256 of them takes few bytes, also where many keys differ.

use super::hash::Fingerprint;
use super::origin::Dot;

/// Sums of fingerprints in 256 ranges of 256 leaves.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    leaves: Vec<u64>,
    ranges: Vec<u64>,
}

pub(crate) const WIDTH: usize = 256;

// === impl Tree ===

impl Default for Tree {
    fn default() -> Self {
        Self {
            leaves: vec![0; WIDTH * WIDTH],
            ranges: vec![0; WIDTH],
        }
    }
}

impl Tree {
    pub(crate) fn add(&mut self, leaf: u16, dot: Dot) {
        self.change(leaf, fingerprint(dot));
    }

    /// Removes a write that was added.
    pub(crate) fn remove(&mut self, leaf: u16, dot: Dot) {
        self.change(leaf, fingerprint(dot).wrapping_neg());
    }

    fn change(&mut self, leaf: u16, by: u64) {
        let leaf = usize::from(leaf);
        for sum in [&mut self.leaves[leaf], &mut self.ranges[leaf / WIDTH]] {
            *sum = sum.wrapping_add(by);
        }
    }

    pub(crate) fn root(&self) -> u64 {
        let mut root = Fingerprint::of(&[]);
        for range in &self.ranges {
            root.add(*range);
        }
        root.finish()
    }

    pub(crate) fn ranges(&self) -> &[u64] {
        &self.ranges
    }

    pub(crate) fn leaves(&self, range: u8) -> &[u64] {
        let first = usize::from(range) * WIDTH;
        &self.leaves[first..first + WIDTH]
    }
}

/// The leaf of a block of writes, by the first that it may have.
pub(crate) fn leaf(first: Dot) -> u16 {
    (fingerprint(first) >> 48) as u16
}

fn fingerprint(dot: Dot) -> u64 {
    let mut fingerprint = Fingerprint::of(&[]);
    for word in [dot.origin.node, dot.origin.incarnation, dot.number] {
        fingerprint.add(word);
    }
    fingerprint.finish()
}
