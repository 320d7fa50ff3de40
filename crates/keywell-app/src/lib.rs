//! Runs applications: a [`Plan`] says which stores, components and triggers there are, an
//! [`Application`] has them ready, and a [`Handle`] is held while they run.
//!
//! ```
//! # #[cfg(not(feature = "memory"))]
//! # fn main() {}
//! # #[cfg(feature = "memory")]
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # // Answers HTTP, though never with a response.
//! # let text = r#"(component
//! #     (import "wasi:http/types@0.2.0" (instance $types
//! #         (export "incoming-request" (type (sub resource)))
//! #         (export "response-outparam" (type (sub resource)))))
//! #     (alias export $types "incoming-request" (type $request))
//! #     (alias export $types "response-outparam" (type $response))
//! #     (core module $m (func (export "handle") (param i32 i32)))
//! #     (core instance $i (instantiate $m))
//! #     (func $handle (param "request" (own $request)) (param "response-out" (own $response))
//! #         (canon lift (core func $i "handle")))
//! #     (instance $handler (export "handle" (func $handle)))
//! #     (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#;
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("counter.wasm");
//! # std::fs::write(&path, wat::parse_str(text)?)?;
//! use keywell_app::config::{ComponentPlan, HttpPlan, LinkPlan, StorePlan, TriggerPlan};
//! use keywell_app::{AppOptions, Application, Plan, TriggerSource};
//!
//! let counter = ComponentPlan {
//!     link: LinkPlan::to("main"),
//!     ..ComponentPlan::new(path) // counter.wasm
//! };
//! let http = HttpPlan::new("counter", "127.0.0.1:0".parse::<std::net::SocketAddr>()?);
//! let plan = Plan {
//!     stores: [("main".into(), StorePlan::new("memory:"))].into(),
//!     components: [("counter".into(), counter)].into(),
//!     triggers: vec![TriggerPlan::Http(http)],
//!     ..Plan::default()
//! };
//! let handle = Application::load(plan, AppOptions::default())?.start().await?;
//!
//! for trigger in handle.status().triggers {
//!     if let TriggerSource::Http { addrs, .. } = trigger.source {
//!         println!("{} listens on {addrs:?}", trigger.component);
//!     }
//! }
//! handle.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A plan is made as above, or read from a file by [`Plan::read`]; nothing behind it knows which.
//! While the application runs, [`Handle::next`] says when a command exits or a trigger fails,
//! [`Handle::counters`] what each trigger has done, [`Handle::metering`] what was counted of each
//! bucket, and [`Handle::reload`] goes over to another plan.
//! To stop at a signal, wait for it and for [`Handle::next`], then call [`Handle::stop`].
//!
//! The crate also has the registry of the kinds of stores: each is a feature of its name (`memory`,
//! `disk`, `redis`), and [`open`] opens one from its URL.
//!
//! # What it does not do
//!
//! It prints nothing, handles no signals, and raises no limits of the process: the program
//! `keywell` does. It downloads no images: each has its file in the plan before it is loaded.

#![forbid(unsafe_code)]

mod application;
mod check;
mod component;
mod contact;
mod counted;
mod error;
mod event;
mod examined;
mod handle;
mod kind;
mod listen;
mod loaded;
mod machine;
mod observer;
mod options;
mod registry;
mod reloaded;
mod running;
mod spec;
mod status;
mod stop;
mod stores;
mod trigger;

pub use application::Application;
pub use error::{Error, StartError, TriggerError};
pub use event::Event;
pub use examined::Examined;
pub use handle::{Examiner, Handle};
pub use keywell_config as config;
pub use keywell_config::Plan;
pub use kind::TriggerKind;
pub use options::{AppOptions, ControlOptions};
pub use registry::{PROVIDERS, identity, not_built, open, open_existing, provider, relative_to};
pub use reloaded::{Differences, Reloaded};
pub use status::{
    BucketMetering, ComponentStatus, Status, StoreStatus, TriggerCounters, TriggerCounts,
    TriggerSource, TriggerState, TriggerStatus,
};
