//! Every promise, by group.

mod batches;
mod counters;
mod entries;
mod errors;
mod pages;
mod subscriptions;
mod transactions;

use crate::behaviour::Behaviour;

/// The behaviours; their numbers are their places, from 1.
pub fn all() -> impl Iterator<Item = &'static Behaviour> {
    [
        entries::BEHAVIOURS,
        pages::BEHAVIOURS,
        batches::BEHAVIOURS,
        counters::BEHAVIOURS,
        errors::BEHAVIOURS,
        transactions::BEHAVIOURS,
        subscriptions::BEHAVIOURS,
    ]
    .into_iter()
    .flatten()
}
