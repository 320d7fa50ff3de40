//! Runs applications. So far it has the kinds of stores of this build.
//!
//! Each kind of store is a feature of its name: `memory`, `disk`, `redis`.

#![forbid(unsafe_code)]

mod registry;

pub use registry::{PROVIDERS, identity, open, open_existing, provider, relative_to};
