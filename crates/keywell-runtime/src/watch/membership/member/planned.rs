//! What a swap of the record would change. Nothing of it holds before the swap is known to be
//! written.

use std::collections::BTreeSet;

/// What becomes true once a renewal of the lease is written.
#[derive(Debug, Default)]
pub(super) struct Planned {
    pub(super) owned: BTreeSet<u8>,
    /// Those owned beyond the fair share.
    pub(super) surplus: BTreeSet<u8>,
    /// Those owned whose marks the record loses.
    pub(super) orphaned: BTreeSet<u8>,
    /// What was given away, and no other member has yet.
    pub(super) offered: BTreeSet<u8>,
    /// What was given away, and another member has.
    pub(super) handed_over: BTreeSet<u8>,
    pub(super) evicted: BTreeSet<String>,
}
