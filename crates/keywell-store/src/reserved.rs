//! Buckets that are Keywell's own, in every store.
//!
//! No component opens them, whatever it is granted: what it wrote there would be taken for
//! Keywell's, and what it read there can be what other components were sent. A store that keeps all
//! its keys in one bucket, such as the flat layout of Redis, keeps these buckets beneath prefixes
//! of that one: `keywell-triggers:` and `keywell-deadletters:`. There it refuses such keys, and
//! leaves them out of listings and watches.

use crate::BucketName;

/// Where triggers keep their positions, and which process has which partition.
pub const TRIGGERS: &str = "keywell-triggers";

/// Where triggers put what could not be delivered, unless they name another bucket.
pub const DEAD_LETTERS: &str = "keywell-deadletters";

const ALL: [&str; 2] = [TRIGGERS, DEAD_LETTERS];

/// All of them.
///
/// # Panics
///
/// Never: their names are names of buckets.
pub fn buckets() -> [BucketName; 2] {
    ALL.map(|name| BucketName::parse(name).expect("the reserved names are names of buckets"))
}

/// Whether a bucket is one of them.
pub fn is_reserved(name: &BucketName) -> bool {
    ALL.contains(&name.as_str())
}

/// The reserved bucket that a key belongs to by its prefix, where all buckets lie in one.
pub fn bucket_of_key(key: &str) -> Option<&'static str> {
    ALL.into_iter().find(|name| {
        let rest = key.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_key_begins_with_the_name_and_a_colon() {
        for (key, bucket) in [
            ("keywell-triggers:", Some(TRIGGERS)),
            ("keywell-deadletters:letters/a", Some(DEAD_LETTERS)),
            ("keywell-triggers", None),
            ("keywell-triggersx:", None),
            ("app:keywell-triggers:", None),
            ("Keywell-triggers:", None),
            ("", None),
        ] {
            assert_eq!(bucket_of_key(key), bucket, "{key:?}");
        }
    }
}
