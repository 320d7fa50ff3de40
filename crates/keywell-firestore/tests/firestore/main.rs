//! The store on Firestore, on a fake that the tests start.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;
mod place;
