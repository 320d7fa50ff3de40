use alloc::string::String;
use alloc::vec::Vec;

pub(crate) use crate::swap::swap;

/// The length of a value that `get-many` found.
pub(crate) fn length(found: Option<(String, Vec<u8>)>) -> usize {
    found.map_or(0, |(_, value)| value.len())
}
