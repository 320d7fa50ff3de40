//! Tests of the memory store as a user sees it.

mod batch;
mod buckets;
mod counter;
mod listing;
mod model;
mod storm;
mod support;
mod swap;
mod ttl;
mod watch;
