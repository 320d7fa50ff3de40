//! Histories of concurrent clients, checked for linearizability.
//!
//! Clients write down what they ask and what they are told, each with the time; a [`Recorder`] does
//! it for tasks, and processes each keep a journal of [`Event`]s, with a clock that they share.
//! [`History::check`] then looks for one order of all operations of a key that explains every
//! answer, in which each operation takes effect at one instant between question and answer. Where
//! there is none, the [`Violation`] shows the shortest part of the history that has none.
//!
//! A write whose answer is ambiguous, or whose client died, may take effect at any time after it was
//! asked, or never. A write that was refused must not have happened.
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
//! It knows single operations on single keys: no batches, listings, watches or times to live.
//! Clients are deterministic by their seed, and so is [`Faulty`]; on a runtime of one thread, over a
//! store that answers at once, whole histories are. Elsewhere a seed only makes a failure likely
//! to come again.

mod clients;
mod event;
mod faults;
mod faulty;
mod known;
mod meeting;
mod operation;

mod search;
mod service;
mod settings;
mod shrink;
mod state;
mod violation;

pub use clients::Plan;
pub use event::{Clock, Event, Recorder};
pub use faults::{Faults, Rates};
pub use faulty::Faulty;
pub use operation::{Asked, History, Operation, Told};
pub use service::Service;
pub use settings::seeds;
pub use violation::Violation;
