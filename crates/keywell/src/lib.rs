//! Keywell runs WebAssembly components on key-value stores.
//!
//! This is the crate that embedders import: the contract ([`store`]), the host for Wasmtime
//! ([`wasi`]), the [`runtime`], and the stores, each behind a feature of its name. The program
//! `keywell` is the feature `program`, on by default with the stores whose clients are small;
//! `all-stores` has every store. A library leaves the program out:
//!
//! ```toml
//! keywell = { version = "0.1", default-features = false, features = ["memory"] }
//! ```
//!
//! A store is opened from its URL, as on the command line:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(feature = "memory")] {
//! use keywell::store::BucketName;
//!
//! let store = keywell::open(&"memory:".parse()?).await?;
//! let bucket = store.open(&BucketName::default()).await?;
//! assert_eq!(bucket.increment("visits", 1).await?, 1);
//! # }
//! # Ok(())
//! # }
//! ```
//!
//! To put a store in front of a component in ten lines, see [`wasi`].

#![forbid(unsafe_code)]

pub use keywell_app as app;
pub use keywell_app::{PROVIDERS, identity, not_built, open, open_existing, provider, relative_to};
pub use keywell_runtime as runtime;
pub use keywell_store as store;
pub use keywell_store::{OpenError, StoreUrl, StoreUrlError};
pub use keywell_wasi as wasi;

#[cfg(feature = "disk")]
pub use keywell_disk as disk;
#[cfg(feature = "memory")]
pub use keywell_memory as memory;
#[cfg(feature = "nats")]
pub use keywell_nats as nats;
#[cfg(feature = "redis")]
pub use keywell_redis as redis;
#[cfg(feature = "sqlite")]
pub use keywell_sqlite as sqlite;
