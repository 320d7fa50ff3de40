use alloc::string::String;
use alloc::vec::Vec;

use crate::wasi::keyvalue::store::Bucket;

pub(crate) fn swap(_: &Bucket, _: &str, _: &[u8]) -> usize {
    panic!("the draft has no compare-and-swap")
}

/// The length of a value that `get-many` found.
pub(crate) fn length(found: Option<(String, Vec<u8>)>) -> usize {
    found.map_or(0, |(_, value)| value.len())
}
