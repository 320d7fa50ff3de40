//! A key-value store on Redis and Valkey.
#![forbid(unsafe_code)]

mod error;
mod journal;
mod link;
mod options;
mod plain;
mod store;
mod watch;
mod wire;

pub use error::OpenError;
pub use options::{Layout, Options, Secret, SettingError, Tls};
pub use store::RedisStore;
