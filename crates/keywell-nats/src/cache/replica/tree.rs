//! Fingerprints of all writes that a copy holds, so that two copies find what differs without naming
//! what does not.
//!
//! Writes of an origin with consecutive numbers are in one leaf, since they are named in runs: what
//! a copy holds of 256 of them takes few bytes, also where many keys differ.

use std::collections::BTreeMap;

use super::hash::Fingerprint;
use super::origin::Dot;

/// Sums of fingerprints in 256 ranges of 256 leaves.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    leaves: Vec<u64>,
    ranges: Vec<u64>,
    /// How many writes of a block are held, by leaf and by the first of the block.
    blocks: BTreeMap<(u16, Dot), usize>,
}

pub(crate) const WIDTH: usize = 256;

/// How many consecutive writes of an origin are one block.
const BLOCK: u64 = 256;

// === impl Tree ===

impl Default for Tree {
    fn default() -> Self {
        Self {
            leaves: vec![0; WIDTH * WIDTH],
            ranges: vec![0; WIDTH],
            blocks: BTreeMap::new(),
        }
    }
}

impl Tree {
    pub(crate) fn add(&mut self, dot: Dot) {
        let (leaf, first) = place(dot);
        self.change(leaf, fingerprint(dot));
        *self.blocks.entry((leaf, first)).or_default() += 1;
    }

    /// Removes a write that was added.
    pub(crate) fn remove(&mut self, dot: Dot) {
        let (leaf, first) = place(dot);
        self.change(leaf, fingerprint(dot).wrapping_neg());
        if let Some(held) = self.blocks.get_mut(&(leaf, first)) {
            *held -= 1;
            if *held == 0 {
                self.blocks.remove(&(leaf, first));
            }
        }
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

    /// The blocks in a leaf of which something is held: the first and the last write of each.
    pub(crate) fn blocks(&self, leaf: u16) -> impl Iterator<Item = (Dot, Dot)> {
        let blocks = self.blocks.range((leaf, Dot::FIRST)..);
        let blocks = blocks.take_while(move |((of, _), _)| *of == leaf);
        blocks.map(|((_, first), _)| {
            let number = first.number | (BLOCK - 1);
            (*first, Dot { number, ..*first })
        })
    }
}

/// The leaf of a write, and the first of its block.
fn place(dot: Dot) -> (u16, Dot) {
    let first = Dot {
        number: dot.number & !(BLOCK - 1),
        ..dot
    };
    ((fingerprint(first) >> 48) as u16, first)
}

fn fingerprint(dot: Dot) -> u64 {
    let mut fingerprint = Fingerprint::of(&[]);
    for word in [dot.origin.node, dot.origin.incarnation, dot.number] {
        fingerprint.add(word);
    }
    fingerprint.finish()
}
