//! The HTTP trigger.
//!
//! For each request the routes of an address (`route.rs`) say which application answers it, so that
//! they can change while connections are open. The servers of an address share them (`site.rs`).
//! What a trigger does besides calling its component is its policy (`policy.rs`). An application
//! calls the handler that its component exports (`handler.rs`, `exported.rs`), or the function that a request
//! names (`invoking.rs`); for that the request's body is read whole, within bounds (`bodies.rs`).
//!
//! A connection (`connection.rs`) is one task (`serving.rs`), which also bounds what its client may
//! take: time for a request's head, for reading a response, for the guest that writes one. What is
//! beneath it (`protocol.rs`, `wire.rs`) buffers little, so that a client that does not read stops
//! the guest.
//!
//! The connection's task polls the guest itself: there is no other task, and no channel but the one
//! for the head of the response. Reading the body runs the guest (`body.rs`). A guest that has more
//! to do after its response, or whose client went away, finishes in a task of its own, within its
//! deadline. If the guest has returned, its body is sent whole, with its length; if it is shorter
//! or longer than declared, nothing of it is sent.

mod answered;
mod app;
mod bodies;
mod body;
mod calls;
mod connection;
mod connections;
mod cors;
mod crowd;
mod exchange;
mod exported;
mod handler;
mod idle;
mod invoking;
mod listing;
mod options;
mod piece;
mod policy;
mod progress;
mod protocol;
mod refusal;
mod route;
mod served;
mod server;
mod serving;
mod site;
mod stream;
mod target;
mod timer;
mod tls;
mod unsent;
mod wire;
mod working;

pub use app::HttpApp;
pub(crate) use connections::Connections;
pub use cors::Cors;
pub use options::{HttpOptions, InvokeOptions};
pub use route::HttpRoute;
pub use server::{HttpEndpoint, HttpServer};
pub use tls::HttpTls;
