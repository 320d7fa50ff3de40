//! The store on Cosmos DB, on the emulator of the service's own client.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;
mod containers;
mod faults;
mod histories;
mod place;
mod raw;
mod watching;
