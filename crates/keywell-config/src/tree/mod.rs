//! Reads YAML, JSON and TOML into one tree, in which every key and value has its place, and takes its
//! mappings apart key by key. What a file may have is bounded.

mod builder;
pub(crate) mod fields;
pub(crate) mod finding;
pub(crate) mod json;
mod node;
mod span;
pub(crate) mod toml;
pub(crate) mod yaml;

pub(crate) use builder::find_repeated_key;
pub(crate) use node::{Key, Kind, Node, Value, place};
pub(crate) use span::{hidden, in_bytes};
