//! Every promise, by group. Those of single generations are modules of their binaries.

mod atomics;
mod batch;
mod handles;
mod keys;
pub mod listing;
mod paging;
mod store;

use crate::behaviour::Behaviour;
use crate::generation;

const SHARED: &[&[Behaviour]] = &[
    store::BEHAVIOURS,
    keys::BEHAVIOURS,
    handles::BEHAVIOURS,
    listing::BEHAVIOURS,
    paging::BEHAVIOURS,
    batch::BEHAVIOURS,
    atomics::BEHAVIOURS,
];

/// The behaviours of this generation; their numbers are their places, from 1.
pub fn all() -> impl Iterator<Item = &'static Behaviour> {
    SHARED.iter().chain(generation::OWN).copied().flatten()
}
