use alloc::string::String;
use alloc::vec::Vec;

pub(crate) use crate::swap::swap;

/// The length of a value that `get-many` found.
pub(crate) fn length((_, found): (String, Option<Vec<u8>>)) -> usize {
    found.map_or(0, |value| value.len())
}
