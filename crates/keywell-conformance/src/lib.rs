//! One function per behaviour that [the contract](keywell_store) promises, run against any store.
//!
//! A store author adds the whole suite with [`suite!`], each behaviour a test of its own:
//!
//! ```
//! use keywell_conformance::Subject;
//! use keywell_memory::MemoryStore;
//!
//! async fn memory() -> Subject {
//!     Subject::new(MemoryStore::new())
//! }
//!
//! keywell_conformance::suite!(memory);
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let subject = memory().await;
//! # keywell_conformance::atomics::a_stale_swap_writes_nothing(&subject).await.unwrap();
//! # });
//! ```
//!
//! The suite goes by the [`Capabilities`](keywell_store::Capabilities) of a bucket. If a behaviour
//! needs a capability that is not declared, the suite checks instead that calls are refused as
//! [`Unsupported`](keywell_store::Error::Unsupported) and write nothing. [`behaviours`] lists all
//! behaviours, for programs that run them against a live store, as `keywell conformance` does.
//!
//! Two more modules are features, on by default: `models` compares random operations with a model and
//! shrinks differences; `history` checks concurrent clients for linearizability.
//!
//! # What it does not do
//!
//! It injects no faults such as killed servers, power loss or full disks; a store has tests of its own
//! for those. It does not detect faults that take longer than three seconds to show, such as a key
//! that vanishes after an hour. It exceeds the history of a store only if it can create
//! [a store of little history](Subject::with_brief_history): in a live store, other watches would
//! lose their history.
//!
//! It calls a store behind the limits that hosts apply ([`Limited`](keywell_store::layer::Limited)),
//! except to check that the store itself refuses keys and values larger than it declares. It tries
//! those for declared limits of up to 64 KiB for keys and 16 MiB for values. It needs a store that
//! holds keys of 64 bytes and values of 1 KiB.

#![forbid(unsafe_code)]

mod behaviour;
mod checks;
mod failure;
#[cfg(feature = "history")]
pub mod history;
#[cfg(feature = "models")]
pub mod models;
mod need;
mod promises;
mod recorded;
mod refusals;
mod registry;
mod scratch;
mod subject;
mod suite;
mod trace;

pub use behaviour::{Behaviour, Outcome};
pub use failure::{Failure, Verdict};
pub use registry::{
    atomics, batch, behaviours, collections, concurrency, errors, isolation, limits, paging, store,
    transact, ttl, watch,
};
pub use subject::Subject;
#[doc(hidden)]
pub use suite::__alone;
