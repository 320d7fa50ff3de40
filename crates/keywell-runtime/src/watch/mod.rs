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

mod about;
mod admission;
mod backoff;
mod caused;
mod causes;
mod change;
mod counters;
mod delivery;
mod flush;
mod group;
mod handover;
mod intake;
mod lanes;
mod letter;
mod letters;
mod life;
mod losses;
mod names;
mod options;
mod outflow;
mod partition;
mod pattern;
mod positions;
mod record;
mod replays;
mod run;
mod shares;
mod sources;
mod storage;
mod subscriptions;
mod target;
mod told;
mod trigger;

pub use counters::{Counters, Counts};
pub use letter::{DeadLetter, Operation};
pub use letters::{DeadLetters, LetterPage};
pub use options::{Backoff, WatchOptions};
pub use subscriptions::{ParseError, Subscriptions};
pub use target::{PositionsStore, WatchTarget};
pub use trigger::WatchTrigger;

pub(crate) use causes::Causes;
pub(crate) use trigger::Triggers;
