//! A key-value store on Redis and Valkey.
#![forbid(unsafe_code)]

mod error;
mod link;
mod options;
mod wire;

pub use error::OpenError;
pub use options::{Layout, Options, Secret, SettingError, Tls};
