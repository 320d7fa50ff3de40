//! The store on etcd, on servers that the tests start.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;
mod faults;
mod histories;
mod leases;
mod logins;
mod place;
mod raw;
mod watching;
