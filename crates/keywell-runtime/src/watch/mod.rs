//! Watch triggers: a component sleeps until a key changes, and its exported
//! `wasi:keyvalue/watcher` is called.
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
pub use event::Operation;
pub use options::{Backoff, WatchOptions};
pub use subscriptions::{ParseError, Subscriptions};
pub use target::{PositionsStore, WatchTarget};
pub use trigger::WatchTrigger;

pub(crate) use hops::{Causes, layer};
pub(crate) use trigger::Triggers;
