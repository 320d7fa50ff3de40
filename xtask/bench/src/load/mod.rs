//! Loads on an HTTP server.

mod alarm;
mod clients;
mod closed;
mod connection;
mod open;
mod result;

pub(crate) use clients::ask_once;
pub(crate) use closed::closed;
pub(crate) use connection::{get, post};
pub(crate) use open::open;
pub(crate) use result::Load;
