//! The writes that a copy holds, in order, each with its key.
//!
//! Writes of one origin with consecutive numbers are a block, and the blocks are the leaves' of the
//! [tree](super::tree). A write mostly goes to the end of the last block of its origin, without a
//! search.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::origin::Dot;
use super::tree::{self, Tree};

#[derive(Debug, Default)]
pub(crate) struct Writes {
    /// By the first write that each may have.
    blocks: BTreeMap<Dot, Block>,
    /// The blocks in each leaf.
    by_leaf: BTreeSet<(u16, Dot)>,
    tree: Tree,
    added: u64,
}

#[derive(Debug)]
struct Block {
    leaf: u16,
    /// By how far each write is behind the first, in order.
    keys: Vec<(u8, Arc<str>)>,
}

// === impl Writes ===

impl Writes {
    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// How many writes were ever added. While it is the same, nothing is held that was not before.
    pub(crate) fn added(&self) -> u64 {
        self.added
    }

    pub(crate) fn holds(&self, dot: Dot) -> bool {
        let block = self.blocks.get(&first(dot));
        block.is_some_and(|block| block.place(dot).is_ok())
    }

    pub(crate) fn add(&mut self, dot: Dot, key: Arc<str>) {
        let first = first(dot);
        let block = self.blocks.entry(first).or_insert_with(|| {
            let leaf = tree::leaf(first);
            self.by_leaf.insert((leaf, first));
            let keys = Vec::new();
            Block { leaf, keys }
        });
        self.added += 1;
        self.tree.add(block.leaf, dot);
        match block.place(dot) {
            // What a stranger sends may name a write twice.
            Ok(at) => block.keys[at].1 = key,
            Err(at) => block.keys.insert(at, (behind(dot), key)),
        }
    }

    /// Removes a write that was added.
    pub(crate) fn remove(&mut self, dot: Dot) {
        let first = first(dot);
        let Some(block) = self.blocks.get_mut(&first) else {
            return self.tree.remove(tree::leaf(first), dot);
        };
        let leaf = block.leaf;
        self.tree.remove(leaf, dot);
        if let Ok(at) = block.place(dot) {
            block.keys.remove(at);
        }
        if block.keys.is_empty() {
            self.blocks.remove(&first);
            self.by_leaf.remove(&(leaf, first));
        }
    }

    /// The first one that is not before this.
    pub(crate) fn next(&self, from: Dot) -> Option<(Dot, &Arc<str>)> {
        let mut blocks = self.blocks.range(first(from)..);
        blocks.find_map(|(first, block)| {
            let at = if from <= *first {
                0
            } else {
                block.place(from).unwrap_or_else(|at| at)
            };
            let (behind, key) = block.keys.get(at)?;
            Some((after(*first, *behind), key))
        })
    }

    /// Those from one to another, both included.
    pub(crate) fn range(
        &self,
        dots: RangeInclusive<Dot>,
    ) -> impl Iterator<Item = (Dot, &Arc<str>)> {
        let blocks = self.blocks.range(first(*dots.start())..=*dots.end());
        let all = blocks.flat_map(|(first, block)| block.writes(*first));
        all.filter(move |(dot, _)| dots.contains(dot))
    }

    /// Those in a leaf of the tree.
    pub(crate) fn in_leaf(&self, leaf: u16) -> impl Iterator<Item = Dot> {
        let blocks = self.by_leaf.range((leaf, Dot::FIRST)..);
        let blocks = blocks.take_while(move |(of, _)| *of == leaf);
        let blocks = blocks.filter_map(|(_, first)| Some((first, self.blocks.get(first)?)));
        let all = blocks.flat_map(|(first, block)| block.writes(*first));
        all.map(|(dot, _)| dot)
    }
}

// === impl Block ===

impl Block {
    /// Where a write is, or would be.
    fn place(&self, dot: Dot) -> Result<usize, usize> {
        let behind = behind(dot);
        match self.keys.last() {
            Some((last, _)) if *last < behind => Err(self.keys.len()),
            _ => self.keys.binary_search_by_key(&behind, |(held, _)| *held),
        }
    }

    fn writes(&self, first: Dot) -> impl Iterator<Item = (Dot, &Arc<str>)> {
        let keys = self.keys.iter();
        keys.map(move |(behind, key)| (after(first, *behind), key))
    }
}

/// The first of the block of a write.
fn first(dot: Dot) -> Dot {
    let number = dot.number & !u64::from(u8::MAX);
    Dot { number, ..dot }
}

/// How far a write is behind the first of its block.
fn behind(dot: Dot) -> u8 {
    let [behind, ..] = dot.number.to_le_bytes();
    behind
}

fn after(first: Dot, behind: u8) -> Dot {
    let number = first.number | u64::from(behind);
    Dot { number, ..first }
}

#[cfg(test)]
mod tests {
    use super::super::origin::Origin;
    use super::*;

    fn dot(node: u64, number: u64) -> Dot {
        let origin = Origin {
            node,
            incarnation: 1,
        };
        Dot { origin, number }
    }

    #[test]
    fn writes_are_found_in_order_across_blocks() {
        let mut writes = Writes::default();
        let all = [
            dot(1, 3),
            dot(1, 255),
            dot(1, 256),
            dot(1, 9000),
            dot(2, 0),
            dot(2, u64::MAX),
        ];
        for at in [4, 2, 5, 0, 3, 1] {
            writes.add(all[at], Arc::from(at.to_string()));
        }
        let range = |from, to| writes.range(from..=to).map(|(dot, _)| dot);
        assert!(range(Dot::FIRST, dot(9, 0)).eq(all));
        assert!(range(dot(1, 255), dot(2, 0)).eq(all[1..5].iter().copied()));
        let next = |from| writes.next(from).map(|(dot, key)| (dot, &**key));
        assert_eq!(next(dot(1, 4)), Some((all[1], "1")));
        assert_eq!(next(dot(1, 257)), Some((all[3], "3")));
        assert_eq!(next(dot(1, 9001)), Some((all[4], "4")));
        assert_eq!(next(dot(3, 0)), None);
        let leaf = tree::leaf(dot(1, 0));
        assert!(writes.in_leaf(leaf).eq([all[0], all[1]]));
        let root = writes.tree().root();
        writes.remove(all[1]);
        assert!(!writes.holds(all[1]) && writes.holds(all[0]));
        writes.add(all[1], Arc::from("1"));
        assert_eq!((writes.tree().root(), writes.added()), (root, 7));
        for dot in all {
            writes.remove(dot);
        }
        assert_eq!(writes.tree().root(), Tree::default().root());
        assert!(writes.blocks.is_empty() && writes.by_leaf.is_empty());
    }
}
