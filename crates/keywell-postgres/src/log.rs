//! What is kept of the changes.

use std::sync::atomic::{AtomicI64, Ordering};

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

/// Counts what was logged since the last trim.
#[derive(Debug, Default)]
pub(crate) struct Logged {
    events: AtomicI64,
    bytes: AtomicI64,
}

// === impl Logged ===

impl Logged {
    /// Counts some more. Whether it is time to trim, which is once for each eighth of what is kept; then
    /// it counts from there.
    pub(crate) fn is_due(&self, events: i64, bytes: i64, (most, most_bytes): (i64, i64)) -> bool {
        let add = |count: &AtomicI64, more: i64| {
            let before = count.fetch_add(more, Ordering::Relaxed);
            before.saturating_add(more)
        };
        let (events, bytes) = (add(&self.events, events), add(&self.bytes, bytes));
        let is_due = events >= (most / 8).max(1) || bytes >= (most_bytes / 8).max(1);
        if is_due {
            self.events.store(0, Ordering::Relaxed);
            self.bytes.store(0, Ordering::Relaxed);
        }
        is_due
    }
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
