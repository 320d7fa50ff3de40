//! Histories of concurrent clients, checked for linearizability or for what else is declared.
//!
//! Clients record each request and each response with its time. A [`Recorder`] does it for tasks;
//! processes each keep a journal of [`Event`]s, on a shared clock. [`History::check`] then searches
//! for an order of all operations of a key that explains every response, in which each operation
//! takes effect at one instant between its request and its response. If there is none, the
//! [`Violation`] shows the shortest part of the history without one.
//!
//! Where a store declares that reads see [only the writes of their own
//! process](keywell_store::Reads::OwnWrites), the check differs: each client must read its own writes,
//! and no key may go back to an older version for it. [`Plan::run_between`] runs clients of several
//! processes.
//!
//! A write whose response is ambiguous, or whose client died, may take effect at any time after its
//! request, or never. A refused write must not take effect.
//!
//! ```
//! use keywell_conformance::history::{Faults, Faulty, Plan};
//! use keywell_store::{BucketName, Store};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let store = keywell_memory::MemoryStore::new();
//! let bucket = store.open(&BucketName::default()).await?;
//! // Answers get lost, and requests arrive late or never.
//! let faulty = std::sync::Arc::new(Faulty::new(bucket, Faults::harsh(7)));
//! Plan::seeded(7).run(faulty).await.check().unwrap();
//! # Ok::<(), keywell_store::Error>(()) }).unwrap();
//! ```
//!
//! # What it does not do
//!
//! It checks operations on single keys: no batches, listings, watches or times to live. The seed
//! determines the requests of clients and the faults of [`Faulty`]. On a runtime of one thread, with
//! a store that answers at once, it determines the whole history; elsewhere a seed only makes a
//! failure likely to recur.

mod check;
mod clients;
mod event;
mod known;
mod meeting;
mod operation;
mod search;
mod service;
mod session;
mod settings;
mod shrink;
mod state;
mod violation;

pub use check::History;
pub use clients::Plan;
pub use event::{Clock, Event, Recorder};
pub use keywell_store::layer::{Faults, Faulty, Rates};
pub use operation::{Operation, Request, Response};
pub use service::Service;
pub use settings::seeds;
pub use violation::Violation;
