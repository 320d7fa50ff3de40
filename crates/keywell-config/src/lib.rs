//! Reads what an application is made of (its stores, its components, and the triggers that call
//! them) into one [`Plan`].
//!
//! ```
//! use keywell_config::{Plan, TriggerPlan};
//!
//! let text = r#"
//!     [store.main]
//!     url = "disk:visits"
//!
//!     [component.counter]
//!     path = "counter.wasm"
//!     store = "main"
//!
//!     [[trigger.http]]
//!     component = "counter"
//!     addr = "127.0.0.1:8080"
//! "#;
//! let plan = Plan::from_toml("keywell.toml".as_ref(), text)?;
//! assert_eq!(plan.components["counter"].code.file(), Some("counter.wasm".as_ref()));
//! assert!(matches!(plan.triggers[0], TriggerPlan::Http(_)));
//!
//! let error = Plan::from_toml("keywell.toml".as_ref(), "[stroe.main]").unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "keywell.toml:1:2: there is no stroe at the top; did you mean store?\n\
//!      keywell.toml: nothing calls a component; add a [[trigger.http]], [[trigger.watch]], \
//!      [[trigger.command]], [[trigger.invoke]] or [[trigger.worker]]"
//! );
//! # Ok::<(), keywell_config::ConfigError>(())
//! ```
//!
//! A plan holds together: every name that is used is defined, every amount is within its bounds.
//! Where it does not, everything that is wrong is in one [`Report`], which shows it with the lines
//! of the file and without their secrets. A [`Draft`] has what could be read beside what is wrong.
//!
//! Manifests of wasmCloud 1.x ([`wadm`]), workloads of wasmCloud 2 and manifests of Spin become
//! plans too: [`Draft::read_all`] reads files of all kinds, several of them into one plan. So do the
//! [project files](project) of `wash`. [`Plan::to_toml`] shows any plan as a `keywell.toml`. [`find()`]
//! finds the file of an application in a folder.
//!
//! # What it does not do
//!
//! It opens nothing but the files that it is given and those of secrets in them; a [`Lookup`] finds
//! what a file names besides. It knows neither Wasmtime nor any store: a store's URL, a bucket's
//! name and a subscription are text here, with the place they were read at, so that the reader of
//! each can report errors with that place.

#![forbid(unsafe_code)]

mod clash;
mod draft;
mod error;
mod find;
mod http;
mod keywell_toml;
mod listen;
mod lookup;
mod nearest;
mod part;
mod place;
mod plan;
mod policies;
mod print;
pub mod project;
mod quoted;
mod read;
mod report;
mod schema;
pub mod section;
mod spin;
mod tree;
pub mod units;
pub mod wadm;
mod workload;

pub use draft::Draft;
pub use error::ConfigError;
pub use find::{FILES, find};
pub use keywell_store::Secret;
pub use listen::ListenAddress;
pub use lookup::{Lookup, Process};
pub use nearest::nearest;
pub use place::{Located, Place};
pub use plan::{
    BuildPlan, Code, CommandPlan, ComponentPlan, CorsPlan, DeadLettersPlan, DirPlan, GrantPlan,
    HostPlan, HttpPlan, ImportPlan, InterruptedRequests, InvokePlan, LimitsPlan, LinkPlan,
    PathPlan, Plan, StorePlan, TlsPlan, TriggerPlan, WatchPlan, WorkersPlan,
};
pub use print::Printed;
pub use read::ReadOptions;
pub use report::{Problem, Report, Severity, Source, has_password};
pub use schema::schema;
