//! The store in `JetStream`, on servers that the tests start.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;
mod domains;
mod faults;
mod hostile;
mod interoperable;
mod logins;
mod operator;
mod place;
#[path = "../raw/mod.rs"]
mod raw;
mod streams;
mod versions;
