//! The HTTP trigger.

mod app;
mod body;
mod calls;
mod patience;
mod server;

pub use app::{HttpApp, HttpOptions};
pub use server::HttpServer;
