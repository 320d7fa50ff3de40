//! The HTTP trigger.

mod app;
mod body;
mod calls;
mod idle;
mod server;

pub use app::{HttpApp, HttpOptions};
pub use server::HttpServer;

pub(crate) use idle::IdleInstances;
