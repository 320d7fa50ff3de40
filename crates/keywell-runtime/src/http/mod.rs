//! The HTTP trigger.
//!
//! A connection (`connection.rs`) is one task (`serving.rs`), which also bounds what its client may
//! take: time for a request's head, for reading a response, for the guest that writes one. What is beneath it
//! (`protocol.rs`, `wire.rs`) buffers little, so that a client that does not read stops the guest.

mod app;
mod body;
mod calls;
mod connection;
mod connections;
mod exchange;
mod idle;
mod piece;
mod progress;
mod protocol;
mod refusal;
mod seldom;
mod server;
mod serving;
mod target;
mod timer;
mod unsent;
mod wire;

pub use app::{HttpApp, HttpOptions};
pub(crate) use connections::Connections;
pub use server::HttpServer;
