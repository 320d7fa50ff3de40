//! Runs applications.
#![forbid(unsafe_code)]

mod application;
mod component;
mod error;
mod event;
mod handle;
mod kind;
mod listen;
mod loaded;
mod machine;
mod options;
mod registry;
mod running;
mod status;
mod stop;
mod stores;
mod trigger;

pub use application::Application;
pub use error::{Error, StartError, TriggerError};
pub use event::Event;
pub use handle::Handle;
pub use keywell_config as config;
pub use keywell_config::Plan;
pub use kind::TriggerKind;
pub use options::AppOptions;
pub use registry::{PROVIDERS, identity, open, open_existing, provider, relative_to};
pub use status::{
    ComponentStatus, Status, StoreStatus, TriggerCounters, TriggerCounts, TriggerSource,
    TriggerState, TriggerStatus,
};
