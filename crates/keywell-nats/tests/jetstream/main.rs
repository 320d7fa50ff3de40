//! The store in `JetStream`, on servers that the tests start.

mod conformance;
mod faults;
mod logins;
mod place;
mod raw;
mod streams;
