//! The store on Memcached, on servers that the tests start.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;
mod faults;
mod histories;
mod logins;
mod place;
mod raw;
