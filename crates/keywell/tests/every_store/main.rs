//! Every store of the build, each on a server that the test starts: the pages about them, and one
//! component on all of them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(feature = "all-stores")]
mod capabilities;
mod conformance;
mod counter;
mod page;
mod places;
#[path = "../support/mod.rs"]
mod support;
