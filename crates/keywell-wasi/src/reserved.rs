//! Buckets that are Keywell's own, in every store.
//!
//! No component opens them, whatever it is granted: what it wrote there would be taken for
//! Keywell's, and what it read there can be what other components were told.

use keywell_store::BucketName;

/// Where triggers keep how far they have come.
pub const TRIGGERS: &str = "keywell-triggers";

/// Where triggers put what could not be delivered, unless they are told another bucket.
pub const DEAD_LETTERS: &str = "keywell-deadletters";

/// Whether a bucket is one of them.
pub fn is_reserved(name: &BucketName) -> bool {
    [TRIGGERS, DEAD_LETTERS].contains(&name.as_str())
}
