use alloc::string::String;
use alloc::vec::Vec;

pub(crate) use crate::wasi::keyvalue::eventual as entry;
pub(crate) use crate::wasi::keyvalue::eventual_batch as batch;
use crate::wasi::keyvalue::types::{Bucket, IncomingValue};

pub(crate) fn get(bucket: &Bucket, key: &str) -> IncomingValue {
    let value = entry::get(bucket, key).ok().flatten();
    value.expect("the key is there")
}

pub(crate) fn get_many(bucket: &Bucket, keys: &[String]) -> impl Iterator<Item = IncomingValue> {
    let values: Vec<_> = batch::get_many(bucket, keys).expect("the store is well");
    values.into_iter().flatten()
}

pub(crate) fn count_keys(bucket: &Bucket) -> usize {
    batch::keys(bucket).expect("the store is well").len()
}
