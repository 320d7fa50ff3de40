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
//! The suite reads what a bucket declares in its [`Capabilities`](keywell_store::Capabilities). A
//! behaviour that is about something undeclared checks instead that it is refused as
//! [`Unsupported`](keywell_store::Error::Unsupported), with nothing half done. [`behaviours`] has
//! them all, for a program that runs them against a live store, as `keywell conformance` does.
//!
//! Besides, `models` drives a store with random operations beside a model, and shrinks what differs;
//! `history` checks what concurrent clients were told. Both are features, on by default.
//!
//! # What it does not do
//!
//! It breaks nothing on purpose: no killed servers, no lost power, no full disks, for which a store
//! has tests of its own. What takes longer than three seconds to show, such as a key that vanishes
//! after an hour, it cannot see. What comes of a history that has been outrun it tries only where it
//! can make [a store of little history](Subject::with_brief_history): in a live store that would take
//! the history from everybody who watches it.
//!
//! It asks through the layer of limits that hosts put in front of every store
//! ([`Limited`](keywell_store::layer::Limited)), save where it is about what a store refuses by
//! itself: keys and values past what it declares. Those are tried for keys of up to 64 KiB and values
//! of up to 16 MiB. It needs room for keys of 64 bytes and values of 1 KiB.

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
    atomics, batch, behaviours, concurrency, errors, isolation, limits, paging, store, ttl, watch,
};
pub use subject::Subject;
#[doc(hidden)]
pub use suite::__alone;
