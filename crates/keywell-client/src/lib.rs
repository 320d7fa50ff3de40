//! What clients of servers share: a store on Redis, outgoing HTTP, and every store to come that
//! reaches its data by the network.
//!
//! - [`Tls`] holds the settings of encryption, and [`TlsConnector`] makes the connection.
//! - [`tcp`] resolves a name and connects to the first of its addresses that answers.
//! - [`stagger::first`] does the same for attempts of any kind: each begins 200 ms after the one
//!   before it, or as soon as that fails, and the first good outcome is taken.
//! - [`Backoff`] says how long to wait before the next attempt, with jitter.
//! - [`Deadline`] bounds what waits.
//! - [`Queue`] gives out turns by key, and [`Attempts`] bounds how often a write is tried that other
//!   clients frustrate.
//! - [`settings`] has the settings of a login and of TLS that providers of stores share.
//! - `grpc`, behind the feature of that name, is the connection that gRPC is spoken over.
//!
//! Connects by TLS, tries again until it succeeds or five seconds have passed:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use keywell_client::{Backoff, Deadline, Tls, tcp};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # runtime.block_on(async {
//! let tls = Tls {
//!     ca: Some("authority.pem".into()),
//!     ..Tls::default()
//! };
//! let tls = tls.connector()?;
//! let deadline = Deadline::after(Duration::from_secs(5));
//! let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
//! let stream = deadline
//!     .bound(async {
//!         loop {
//!             let addresses = tcp::resolve("store.example", 6380).await?;
//!             match tcp::connect(addresses).await {
//!                 Ok(stream) => break tls.connect("store.example", stream).await,
//!                 Err(_) => backoff.pause().await,
//!             }
//!         }
//!     })
//!     .await??;
//! # drop(stream);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # What it does not do
//!
//! It speaks no protocol of a store, keeps no connections, and retries nothing: only the client knows whether
//! what failed may be tried again. It reads no configuration: each store names its own settings. It
//! knows no Wasmtime, and of stores the contract alone.

#![forbid(unsafe_code)]

mod attempts;
mod backoff;
mod deadline;
#[cfg(feature = "grpc")]
pub mod grpc;
mod queue;
pub mod settings;
pub mod stagger;
pub mod tcp;
mod tls;

pub use attempts::Attempts;
pub use backoff::Backoff;
pub use deadline::{Deadline, Late};
pub use queue::{Queue, Turn};
pub use tls::{Tls, TlsConnector, TlsError, TlsStream, identity};
