//! The store in `JetStream`, on servers that the tests start.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;
mod faults;
mod logins;
mod place;
mod raw;
mod streams;
