//! The store in `JetStream`, on servers that the tests start.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;
mod domains;
mod faults;
mod interoperable;
mod logins;
mod operator;
mod place;
mod streams;
mod versions;
