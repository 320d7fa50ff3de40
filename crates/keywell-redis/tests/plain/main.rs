//! The plain layout, on real servers.

mod batches;
mod conformance;
mod foreign;
mod listing;
mod support;
mod topologies;
mod troubles;
mod watching;
