//! What users of the memory store see of it.

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
