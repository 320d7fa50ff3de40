//! Exported functions that are called over HTTP.

mod calls;
mod client;
mod refusals;
