//! Fingerprints of all entries by the hash of their keys, so that two nodes find what differs without
//! naming what does not.

use super::hash::Fingerprint;

/// Sums of fingerprints in 256 ranges of 256 leaves.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    leaves: Vec<u64>,
    ranges: Vec<u64>,
}

pub(crate) const WIDTH: usize = 256;

/// The leaf of a key.
pub(crate) fn leaf(key: &str) -> u16 {
    (Fingerprint::of(key.as_bytes()).finish() >> 48) as u16
}

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
    pub(crate) fn replace(&mut self, leaf: u16, old: Option<u64>, new: Option<u64>) {
        let leaf = usize::from(leaf);
        let change = new.unwrap_or(0).wrapping_sub(old.unwrap_or(0));
        for sum in [&mut self.leaves[leaf], &mut self.ranges[leaf / WIDTH]] {
            *sum = sum.wrapping_add(change);
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
