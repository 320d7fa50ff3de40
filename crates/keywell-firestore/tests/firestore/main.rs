//! The store on Firestore, on a fake that the tests start.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;
mod defects;
mod faults;
mod histories;
mod input;
mod logins;
mod place;
mod throttling;
mod watching;
