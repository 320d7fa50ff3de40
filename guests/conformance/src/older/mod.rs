//! Every promise that the older generations share, by group. Those of single generations are in their
//! binaries.

mod atomic;
mod batch;
mod bodies;
pub mod handle;
mod keys;
mod streams;
mod values;

use crate::behaviour::Behaviour;
use crate::generation;

const SHARED: &[&[Behaviour]] = &[
    values::BEHAVIOURS,
    keys::BEHAVIOURS,
    bodies::BEHAVIOURS,
    streams::BEHAVIOURS,
    batch::BEHAVIOURS,
    atomic::BEHAVIOURS,
];

/// The behaviours of this generation; their numbers are their places, from 1.
pub fn all() -> impl Iterator<Item = &'static Behaviour> {
    SHARED.iter().chain(generation::OWN).copied().flatten()
}
