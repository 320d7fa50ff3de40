//! Reads YAML and JSON into one tree, in which every key and value has its place. What a file may
//! have is bounded.

mod builder;
pub(crate) mod json;
mod node;
pub(crate) mod yaml;

pub(crate) use builder::find_repeated_key;
pub(crate) use node::{Key, Kind, Node, Value, place};
