//! A layer over a store by which the calls of a component are recorded and replayed.

mod answered;
mod asking;
mod bucket;
mod effect;
mod performing;
mod plain;
mod receipt;
mod receipted;
mod settling;
mod site;
mod store;
mod swapping;

pub use store::RecordedStore;
