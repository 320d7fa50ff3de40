//! Keys of the cache: the name of a bucket, a zero, and a key of the bucket. No name of a bucket has
//! a zero in it.

use keywell_store::BucketName;

const END: char = '\0';

/// What the keys of a bucket begin with.
pub(super) fn prefix(bucket: &BucketName) -> String {
    let mut prefix = bucket.as_str().to_owned();
    prefix.push(END);
    prefix
}

/// The bucket and the key in it.
pub(super) fn split(full: &str) -> Option<(&str, &str)> {
    full.split_once(END)
}

/// What is behind all keys of a bucket, and before those of others.
pub(super) fn end(bucket: &str) -> String {
    format!("{bucket}\u{1}")
}
