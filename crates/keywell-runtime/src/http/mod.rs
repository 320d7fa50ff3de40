//! The HTTP trigger.

mod admission;
mod app;
mod body;
mod server;

pub use app::{HttpApp, HttpOptions};
pub use server::HttpServer;
