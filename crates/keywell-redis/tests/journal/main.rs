//! The journal layout on real servers.

mod conformance;
mod server;
