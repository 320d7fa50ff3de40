//! Counts the deliveries that led to an event, and so stops a component that triggers itself
//! endlessly.
//!
//! An event is never counted with fewer hops than led to it, as far as its writes went through the
//! layer of this process within the last five minutes. One past the limit
//! ([`WatchOptions::hops`](crate::watch::WatchOptions::hops)) goes to the dead letters.
//!
//! [`layer()`] enters each write of a delivery in the [ledger](Causes) before it is made, and takes
//! back those that make no event: stale swaps, what certainly failed, and deletes of absent keys,
//! for which it asks whether the key exists. A write from elsewhere of the same value to the same
//! key at the same time can be taken for the component's own.

mod layer;
mod ledger;

pub(crate) use layer::layer;
pub(crate) use ledger::{BucketPlace, Causes, Chain, poll};
