//! Durable workers: instances that keep their variables, because all that they were asked and learned
//! is in a journal and is replayed into a new instance.
//!
//! [`Workers`] are those of one component. A worker is made by its first invocation, and runs one
//! invocation at a time. Its instance waits on a shelf for the next; where another component needs
//! its place, or the process ends, the journal makes another one.
//!
//! 1. Nothing that an instance sees differs in a replay: its stores are
//!    [recorded](keywell_journal::RecordedStore), its clocks show recorded times, its random numbers
//!    come from a seed (`recording.rs`), what it prints is held (`printed.rs`), and what is ready when
//!    it waits follows from these (`linking.rs`). Requests are recorded with whole responses
//!    (`requests/`, linked by `sending.rs`). Imports that would be seen otherwise are refused
//!    (`imports.rs`).
//! 2. An invocation fails by a trap, an exit, its memory or its time; that is recorded, and its
//!    instance is dropped. What ends a replay because of this process, such as a lower limit, is not
//!    recorded, and ends no worker.
//! 3. Where the component saves its state, a snapshot takes the place of what was recorded before it
//!    (`saving.rs`).
//! 4. An error of the journal comes before whatever the instance answers.

mod error;
mod imports;
mod kind;
mod linking;
mod live;
mod names;
mod options;
mod printed;
mod recording;
mod rehearsal;
mod requests;
mod saving;
mod sending;
mod snapshots;
mod values;
mod workers;

pub use keywell_journal::{Error as NameError, WorkerName};

pub use self::error::WorkerError;
pub(crate) use self::imports::check;
pub(crate) use self::linking::link;
pub use self::names::WorkerNames;
pub use self::options::{InterruptedRequests, WorkerOptions};
pub(crate) use self::recording::Recording;
pub use self::rehearsal::Rehearsals;
pub(crate) use self::requests::{BodyWriter, Means, Requests};
pub use self::values::{answer, arguments};
pub use self::workers::{Invocation, Workers};
