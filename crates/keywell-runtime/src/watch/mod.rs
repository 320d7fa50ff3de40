//! Watch triggers: a component sleeps until a key changes, and its exported `wasi:keyvalue/watcher`
//! is called.
//!
//! - On a store whose watches resume, each event is delivered at least once or becomes a dead
//!   letter, unless the history no longer has it. Then a gap is logged and counted.
//! - On a store whose watches are lossy, what the store knows to be lost is such a gap.
//! - After a gap, keys that a subscription names in full are read and delivered as they are.
//! - Within a process, events of one key are delivered in order, one at a time.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use keywell_runtime::watch::{Subscriptions, WatchOptions, WatchTarget};
//! # use keywell_runtime::{Options, Runtime};
//! # use keywell_store::BucketName;
//! # use keywell_wasi::Grants;
//! # async fn example(store: Arc<dyn keywell_store::Store>) -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Runtime::new(&Options::default())?;
//! let component = runtime.load("alerts.wasm".as_ref())?;
//! let grants = Arc::new(Grants::everything_in(store));
//! let subscriptions = Subscriptions::parse("SET@order:*,DEL@order:*")?;
//! let target = WatchTarget::new("alerts.wasm", BucketName::default(), subscriptions);
//! let trigger = runtime.watch(&component, grants, target, &WatchOptions::default()).await?;
//! trigger.run(async { drop(tokio::signal::ctrl_c().await) }).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Several processes
//!
//! Processes that run a trigger of the same name on the same store form a group and share its
//! events, where more than one process can open the store
//! ([`Store::is_exclusive`](keywell_store::Store::is_exclusive)). Each of 16 partitions of the keys
//! has one owner. A process whose trigger has the same name but other subscriptions, another bucket
//! or another prefix is refused while a member of the group lives.
//!
//! - **Resumable stores.** The owner of a surplus partition takes no more of its events, finishes
//!   those under way, and releases it. The next owner continues from the stored position, in a
//!   watch of its own until that has reached the position of another one. Positions are written by
//!   compare-and-swap, so an old owner never overwrites its successor's. Delivered twice are events
//!   that were under way when a process died or paused.
//! - **Lossy stores.** Every process sees all events, once. The owner releases a surplus partition
//!   at once, keeps taking its events until the record names another owner, and delivers what it
//!   took. The next owner leaves events in its watch from just before it writes its claim until
//!   that is answered. On one healthy server no event falls between. Events within about a round
//!   trip of the claim are delivered by both, and the new owner may deliver an event of a key while
//!   an earlier one is under way at the old one. On a cluster, events of one node and the record on
//!   another have no common order. Partitions whose owner expired, or was the last, are marked in
//!   the record, and the next owner reports a gap. Not reported are events that came while a
//!   partition was released, its old owner died, and no other process had claimed it yet.
//!
//! # Where to read
//!
//! `run` is one task for each trigger. It performs what four parts decide; each part owns its
//! fields and returns actions: `intake` takes events in, `dispatch` delivers them, `checkpoint`
//! keeps positions, and `membership` decides who owns which partition. `hops` stops chains of a
//! component that triggers itself, and `dead_letters` keeps what could not be delivered.

mod backoff;
mod checkpoint;
mod counters;
mod dead_letters;
mod digest;
mod dispatch;
mod event;
mod hops;
mod intake;
mod json;
mod membership;
mod names;
mod options;
mod pattern;
mod purpose;
mod run;
mod subscriptions;
mod target;
mod trigger;

pub use counters::{Counters, Counts};
pub use dead_letters::{DeadLetter, DeadLetters, LetterPage};
pub use event::WatchedOperation;
pub use options::{Backoff, WatchOptions};
pub use subscriptions::{ParseError, Subscriptions};
pub use target::{PositionsStore, WatchTarget};
pub use trigger::WatchTrigger;

pub(crate) use hops::{Causes, layer};
pub(crate) use trigger::Triggers;
