//! The plain and the flat layout: a key is a Redis string.

mod bucket;
mod fence;
mod fenced;
mod glob;
mod lengths;
mod limits;
mod listing;
mod names;
mod reading;
mod store;
mod transact;
mod windows;

pub(crate) use glob::literal;
pub(crate) use names::Keys;
pub(crate) use store::PlainStore;
