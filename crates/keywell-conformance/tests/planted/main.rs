//! The suite catches what it is there for: stores with a defect each, after those found elsewhere.

mod atomics;
mod batch;
mod buckets;
mod bug;
mod closing;
mod deadlines;
mod honest;
mod keys;
mod limits;
mod listing;
mod models;
mod replies;
mod ttl;
mod undeclared;
mod watch;
