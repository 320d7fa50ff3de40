//! The suite catches stores with a planted defect, each modelled on one found in a real store.

mod atomics;
mod batch;
mod buckets;
mod bug;
mod closing;
mod collections;
mod deadlines;
mod honest;
mod keys;
mod latest;
mod limits;
mod listing;
mod models;
mod modest;
mod preflight;
mod replies;
mod transact;
mod ttl;
mod undeclared;
mod watch;
