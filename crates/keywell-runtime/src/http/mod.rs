//! The HTTP trigger.

mod admission;
mod app;
mod body;
mod call;
mod server;

pub use app::{HttpApp, HttpOptions};
pub use server::HttpServer;
