//! Runs components: compiles and caches them, keeps a pool for their instances, bounds their time
//! and memory, and calls them for HTTP requests and from the command line.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use keywell_runtime::{HttpOptions, HttpServer, Options, Runtime};
//! use keywell_wasi::Grants;
//!
//! # async fn example(store: Arc<dyn keywell_store::Store>) -> Result<(), keywell_runtime::Error> {
//! let runtime = Runtime::new(&Options::default())?;
//! let component = runtime.load("counter.wasm".as_ref())?;
//! let grants = Arc::new(Grants::everything_in(store));
//! let app = runtime.http(&component, grants, &HttpOptions::default())?;
//! let server = HttpServer::bind("127.0.0.1:8080".parse().unwrap(), app).await?;
//! println!("listening on {}", server.addr());
//! server.serve(async { drop(tokio::signal::ctrl_c().await) }).await;
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//!
//! It opens no store and reads no configuration; `keywell` does both. A component has no files but
//! those in [`Environment::dirs`], opens no connections but to [`Environment::tcp`], and sends HTTP
//! requests to no host that is not among [`Environment::outgoing`]. What it prints goes to
//! [`Options::output`], and what it logs (`wasi:logging`) are events of the target [`LOG_TARGET`].

#![deny(unsafe_code)]

mod artifact;
mod call;
mod calls;
mod command;
mod common;
mod compilation;
mod compiler;
mod engine;
mod engines;
mod environment;
mod error;
mod exports;
mod folder;
mod granted_dir;
mod held;
mod http;
mod instance;
pub mod invoke;
mod io;
mod last_words;
mod listings;
mod loaded;
mod log;
mod memory;
mod nesting;
mod offers;
mod opened;
mod opening;
mod options;
mod outgoing;
pub mod output;
mod p3;
mod peer;
mod places;
mod preview1;
mod printing;
mod producers;
mod quota;
mod relatives;
mod room;
mod runtime;
mod seldom;
mod shelf;
mod skeleton;
mod state;
mod ticker;
mod turn;
pub mod watch;
pub mod worker;

pub use calls::{Callee, Import};
pub use command::Command;
pub use compilation::{Compilation, CompilationListener};
pub use environment::Environment;
pub use error::{Error, Missing};
pub use exports::exports;
pub use granted_dir::GrantedDir;
pub use http::{
    Cors, HttpApp, HttpEndpoint, HttpOptions, HttpRoute, HttpServer, HttpTls, InvokeOptions,
};
pub use loaded::{Bounds, LoadedComponent, Outline};
pub use log::LOG_TARGET;
pub use offers::{Interface, interfaces};
pub use options::Options;
pub use outgoing::{AllowedHost, HostError};
pub use peer::AllowedPeer;
pub use producers::Producer;
pub use runtime::Runtime;
