//! What is kept of the changes.

use keywell_store::BucketName;

use crate::Options;

/// The same in `schema.sql`.
pub(crate) fn is_reserved(bucket: &BucketName) -> bool {
    bucket.as_str().starts_with("keywell-")
}

/// How many events and bytes are kept of the buckets that have a history, or of reserved ones.
pub(crate) fn limits(options: &Options, is_reserved: bool) -> (i64, i64) {
    if is_reserved {
        return (256, 1 << 20);
    }
    (options.history, options.history_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_buckets_are_those_of_the_contract() {
        for bucket in keywell_store::reserved::buckets() {
            assert!(is_reserved(&bucket));
        }
        assert!(!is_reserved(&BucketName::default()));
    }
}
