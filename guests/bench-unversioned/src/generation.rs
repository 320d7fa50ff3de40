use alloc::string::String;
use alloc::vec::Vec;

pub(crate) use crate::wasi::keyvalue::batch;
pub(crate) use crate::wasi::keyvalue::readwrite as entry;
use crate::wasi::keyvalue::types::{Bucket, IncomingValue};

pub(crate) fn get(bucket: &Bucket, key: &str) -> IncomingValue {
    let value = entry::get(bucket, key).ok();
    value.expect("the key is there")
}

pub(crate) fn get_many(bucket: &Bucket, keys: &[String]) -> impl Iterator<Item = IncomingValue> {
    let values: Vec<_> = batch::get_many(bucket, keys).expect("the keys are there");
    values.into_iter()
}

pub(crate) fn count_keys(bucket: &Bucket) -> usize {
    batch::get_keys(bucket).len()
}
