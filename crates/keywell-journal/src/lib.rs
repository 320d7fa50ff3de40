//! The journals of durable workers, over any store that can swap.
//!
//! A worker is a component that keeps its state in ordinary variables and survives the end of its
//! process: all that it was asked and all that it learned is recorded, and replayed into a new
//! instance. This crate knows the [contract](keywell_store) of stores and nothing of WebAssembly.
//! Whatever runs components makes [`Call`]s for what they ask of the world, and gives them their
//! stores through [`RecordedStore`].
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use keywell_journal::{Claim, Created, Invoked, Journals, RecordedStore, Session, Time};
//! use keywell_memory::MemoryStore;
//! use keywell_store::Store;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let store = Arc::new(MemoryStore::new());
//! let journals = Journals::open(store.clone()).await?;
//! let (name, clock) = ("cart".parse()?, Arc::new(Time::of_the_system));
//! let claim = |holder: &str| Claim {
//!     holder: holder.to_owned(),
//!     now: Time::of_the_system(),
//!     lease: Duration::ZERO,
//! };
//! let created = Created { seed: [7; 32], ..Created::default() };
//! journals.create(&name, created, &claim("a")).await?;
//! // The first process begins an invocation and is gone before its end, the second goes on.
//! for process in ["a", "b"] {
//!     let journal = journals.claim(&name, &claim(process)).await?;
//!     let session = Session::open(journal, clock.clone(), 1_000_000).await?;
//!     if process == "a" {
//!         let (function, arguments) = ("add".to_owned(), Bytes::new());
//!         session.accept(Invoked { key: None, function, arguments }).await?;
//!     }
//!     session.next().await?.expect("it has not ended");
//!     let recorded = RecordedStore::new(&session, "data", store.clone());
//!     let bucket = recorded.open(&"carts".parse()?).await?;
//!     assert_eq!(bucket.increment("items", 1).await?, 1);
//!     if process == "b" {
//!         session.returned("one item".into()).await?;
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! # How it is built
//!
//! A journal is a stream of [records](Record), cut into chunks under dense numbers, and a [`Head`]
//! that changes with each append. `journal.rs` says why only one process can append, `chunk.rs` how
//! missing and changed chunks are found. A [`Session`] replays it and goes on; `call.rs` has the life
//! of a call. Before anything leaves the worker, all that was recorded is appended; until then it is
//! in memory, and may be lost without harm.
//!
//! Journals are in the reserved bucket [`JOURNALS`](keywell_store::reserved::JOURNALS), receipts in
//! [`RECEIPTS`](keywell_store::reserved::RECEIPTS) of the store that was written to.
//!
//! # What it does not do
//!
//! It runs no component, sends no request, and has no task and no timer. It does not find that a
//! component waits for ever because its replay went another way without a call; the host has
//! a timeout for each invocation. A component may wait for several answers at once; that each is
//! awaited by the task that asked is up to the host.

#![forbid(unsafe_code)]

mod answers;
mod boundary;
mod call;
mod chunk;
mod core;
mod cursor;
mod entropy;
mod error;
mod frame;
mod head;
mod journal;
mod journals;
mod name;
mod place;
mod quiet;
mod raw;
mod record;
mod recorded;
mod rehearsal;
mod seal;
mod session;
mod shared;
mod survey;
mod time;

pub use answers::KEPT;
pub use call::{Begun, Call};
pub use cursor::Cursor;
pub use error::{Divergence, Error, Result};
pub use frame::{MAX_RECORD_BYTES, decode, encode};
pub use head::{Head, Status};
pub use journal::Journal;
pub use journals::{Claim, Journals};
pub use name::WorkerName;
pub use quiet::Quiet;
pub use record::{Asked, Created, Decision, Event, Invoked, Record, Snapshot};
pub use recorded::RecordedStore;
pub use session::{Accepted, Session, Sleep};
pub use shared::Clock;
pub use time::Time;
