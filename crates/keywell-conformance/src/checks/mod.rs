//! The checks of the promises in `promises.rs`, one module per group.

pub(crate) mod atomics;
pub(crate) mod batch;
pub(crate) mod collections;
pub(crate) mod concurrency;
pub(crate) mod errors;
pub(crate) mod isolation;
pub(crate) mod limits;
pub(crate) mod paging;
pub(crate) mod store;
mod strange;
mod tasks;
pub(crate) mod transact;
pub(crate) mod ttl;
pub(crate) mod watch;
