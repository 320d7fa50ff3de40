//! How other processes reach a running one: what it runs, the stores that it has open, and whether
//! it is well.
//!
//! A process that has a store on disk open [answers](Server) at a socket in the folder of the
//! store, and a [`RemoteStore`] in another process of the same user is that store, by way of the
//! socket:
//!
//! ```
//! use std::sync::Arc;
//!
//! use keywell_control::{Process, RemoteStore, Report, Server};
//! use keywell_folder::Folder;
//! use keywell_store::{BoxFuture, BucketName, Store};
//!
//! struct Nothing;
//!
//! impl Process for Nothing {
//!     fn report(&self) -> Report {
//!         Report::default()
//!     }
//!
//!     fn unready(&self) -> BoxFuture<Vec<String>> {
//!         Box::pin(async { Vec::new() })
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path();
//! let store: Arc<dyn Store> = Arc::new(keywell_disk::DiskStore::open(path)?);
//! let server = Server::in_store(Folder::open(path)?, Arc::new(Nothing), &store)?;
//!
//! // In another process:
//! let remote = RemoteStore::find(path).await.expect("a process has it");
//! let bucket = remote.open(&BucketName::default()).await?;
//! assert_eq!(bucket.increment("visits", 1).await?, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What it guarantees
//!
//! Only processes of the same user, and of root, are answered: the socket is for its owner alone,
//! and the user of each peer is checked, on both sides. Requests, connections, watches and times
//! are bounded, and none of them blocks the process. A socket that a killed process left is
//! replaced.
//!
//! # What it does not do
//!
//! It does not listen to a network, but for [`Health`], which says what is not ready and nothing
//! else.

#![forbid(unsafe_code)]

mod call;
mod exchange;
mod forward;
mod health;
mod link;
pub mod processes;
mod remote;
mod report;
mod server;
mod socket;
mod user;

pub use health::Health;
pub use remote::RemoteStore;
pub use report::{
    CallsReport, ComponentReport, LinkReport, Process, Report, SourceReport, StateReport,
    StoreReport, TriggerReport,
};
pub use server::Server;
