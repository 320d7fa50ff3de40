//! The store on DynamoDB, on emulators that the tests start, and on a stub for what none of them does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod closing;
mod conformance;
mod dynalite;
mod faults;
mod histories;
mod logins;
mod place;
mod recorder;
mod requests;
mod shards;
mod throttling;
mod watching;
