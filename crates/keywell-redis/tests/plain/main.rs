//! The plain and the flat layout, on real servers.

mod batches;
mod conformance;
mod flat;
mod foreign;
mod listing;
mod support;
mod topologies;
mod transacting;
mod troubles;
mod watching;
