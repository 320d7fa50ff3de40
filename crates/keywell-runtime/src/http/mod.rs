//! The HTTP trigger.
//!
//! A server asks for each request which application answers it (`answering.rs`), so that another can
//! take its place while connections are open.
//!
//! A connection (`connection.rs`) is one task (`serving.rs`), which also bounds what its client may
//! take: time for a request's head, for reading a response, for the guest that writes one. What is beneath it
//! (`protocol.rs`, `wire.rs`) buffers little, so that a client that does not read stops the guest.
//!
//! The connection's task polls the guest itself: there is no other task, and no channel but the one for
//! the head of the response. Reading the body runs the guest (`body.rs`). A guest that has more to do
//! after its response, or whose client went away, finishes in a task of its own, within its deadline.
//! If the guest has returned, its body is sent whole, with its length; if it is shorter or longer than
//! declared, nothing of it is sent.

mod answering;
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
pub use server::{HttpEndpoint, HttpServer};
