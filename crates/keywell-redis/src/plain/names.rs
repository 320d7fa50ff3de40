use std::sync::Arc;

use keywell_store::{BucketName, Error, Result, reserved};

/// The longest key, in bytes. Hosts allow less. What others wrote under a longer one is not listed
/// and not watched, but read and deleted.
pub(super) const MAX_KEY_BYTES: usize = 64 * 1024;

/// How a bucket's keys are named in Redis.
///
/// A key is the bucket's name, a colon, and the key. In the name alone `:` is written `%3A` and `%`
/// is written `%25`, so that the first colon ends it and no two buckets meet.
///
/// In the flat layout a prefix that the store was given stands instead of name and colon, as it is.
/// There are the default bucket, and the reserved ones beneath prefixes that the default one leaves
/// out. Their names go on with `flat:`, so that a trigger of this layout and one of the plain layout
/// in the same database never take each other's records for their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    bucket: BucketName,
    prefix: Arc<str>,
    /// Whether the prefixes of reserved buckets lie within this one.
    has_reserved: bool,
}

// === impl Keys ===

impl Keys {
    /// The keys of a bucket; in the flat layout there is a prefix.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchBucket`] in the flat layout for all but the default bucket, which has all the
    /// keys behind the prefix, and the reserved ones.
    pub(crate) fn new(bucket: &BucketName, flat: Option<&str>) -> Result<Self> {
        let prefix = match flat {
            None => format!("{}:", escaped(bucket.as_str())).into(),
            Some(prefix) if bucket.is_default() => prefix.into(),
            Some(prefix) if reserved::buckets().contains(bucket) => {
                format!("{prefix}{bucket}:{RESERVED_OF_FLAT}").into()
            }
            Some(_) => return Err(Error::NoSuchBucket(bucket.to_string())),
        };
        Ok(Self {
            bucket: bucket.clone(),
            prefix,
            has_reserved: flat.is_some() && bucket.is_default(),
        })
    }

    /// The bucket whose keys they are.
    pub(super) fn bucket(&self) -> &BucketName {
        &self.bucket
    }

    /// Whether some names behind its prefix are keys of reserved buckets.
    pub(super) fn has_reserved(&self) -> bool {
        self.has_reserved
    }

    /// What its cursors are sealed for.
    pub(crate) fn scope(&self) -> String {
        format!("redis/{}", self.bucket)
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A key's name in Redis.
    pub(crate) fn full(&self, key: &str) -> Vec<u8> {
        let mut full = Vec::with_capacity(self.prefix.len() + key.len());
        full.extend(self.prefix.as_bytes());
        full.extend(key.as_bytes());
        full
    }

    /// The key of a name in Redis; none if it is of another bucket, or of no key at all.
    pub(crate) fn key<'a>(&self, full: &'a [u8]) -> Option<&'a str> {
        let key = key_of(full.strip_prefix(self.prefix.as_bytes())?)?;
        let is_hidden = self.has_reserved && reserved::bucket_of_key(key).is_some();
        (!is_hidden).then_some(key)
    }

    /// Whether a name behind its prefix is of a reserved bucket, or of no key, so that no watch of
    /// this bucket has its events.
    pub(crate) fn hides(&self, full: &[u8]) -> bool {
        self.has_reserved && self.key(full).is_none()
    }
}

/// What stands between the prefix of a reserved bucket and its keys in the flat layout.
const RESERVED_OF_FLAT: &str = "flat:";

/// What can be a key of what is behind a prefix: others may write what cannot.
fn key_of(rest: &[u8]) -> Option<&str> {
    let is_key = (1..=MAX_KEY_BYTES).contains(&rest.len());
    std::str::from_utf8(rest).ok().filter(|_| is_key)
}

/// The bucket whose key has this name in Redis.
pub(super) fn bucket_of(full: &[u8]) -> Option<BucketName> {
    let colon = full.iter().position(|byte| *byte == b':')?;
    key_of(&full[colon + 1..])?;
    let name = std::str::from_utf8(&full[..colon]).ok()?;
    let plain = name.replace("%3A", ":").replace("%25", "%");
    let bucket = BucketName::parse(&plain).ok()?;
    (escaped(bucket.as_str()) == name).then_some(bucket)
}

fn escaped(name: &str) -> String {
    name.replace('%', "%25").replace(':', "%3A")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bucket: &str) -> Keys {
        Keys::new(&BucketName::parse(bucket).unwrap(), None).unwrap()
    }

    #[test]
    fn no_two_buckets_meet() {
        let names = [
            "a", "a:b", "a%3Ab", "a%253Ab", "a%", "%", ":", "ab", "default",
        ];
        for one in names {
            let full = keys(one).full("k:%:");
            assert_eq!(bucket_of(&full).unwrap().as_str(), one);
            for other in names {
                let seen = keys(other).key(&full).map(str::to_owned);
                assert_eq!(
                    seen.as_deref(),
                    (one == other).then_some("k:%:"),
                    "{one} {other}"
                );
            }
        }
        assert_eq!(keys("a").full("b:c"), b"a:b:c");
        assert_eq!(keys("a:b").full("c"), b"a%3Ab:c");
    }

    #[test]
    fn names_that_no_bucket_makes_are_of_none() {
        for full in ["", "nothing", ":k", "a%2:k", "a%:k", "\u{1}:k", "a:"] {
            assert!(bucket_of(full.as_bytes()).is_none(), "{full:?}");
        }
        for full in [&b"\xff:k"[..], b"a:\xff"] {
            assert!(bucket_of(full).is_none(), "{full:?}");
        }
    }

    #[test]
    fn what_is_behind_a_prefix_is_a_key_if_it_could_be_written() {
        let keys = keys("a");
        let longest = "k".repeat(MAX_KEY_BYTES);
        assert_eq!(keys.key(&keys.full(&longest)), Some(&*longest));
        let longer = [longest.as_bytes(), b"k"].concat();
        for rest in [&b""[..], b"\xff", &longer] {
            let full = [b"a:", rest].concat();
            assert_eq!(keys.key(&full), None);
            assert_eq!(bucket_of(&full), None);
        }
    }

    #[test]
    fn reserved_buckets_lie_behind_prefixes_that_the_default_bucket_leaves_out() {
        let of = |bucket: &str, prefix| {
            let bucket = BucketName::parse(bucket).unwrap();
            Keys::new(&bucket, Some(prefix)).unwrap()
        };
        for (prefix, triggers, letters) in [
            (
                "",
                &b"keywell-triggers:flat:k"[..],
                &b"keywell-deadletters:flat:k"[..],
            ),
            (
                "app:",
                b"app:keywell-triggers:flat:k",
                b"app:keywell-deadletters:flat:k",
            ),
        ] {
            let all = of("default", prefix);
            for (bucket, full) in [
                ("keywell-triggers", triggers),
                ("keywell-deadletters", letters),
            ] {
                let own = of(bucket, prefix);
                assert_eq!(own.full("k"), full);
                assert_eq!(own.key(full), Some("k"));
                assert_eq!(all.key(full), None);
                assert!(all.hides(full) && !own.hides(full));
            }
            let near = [prefix, "keywell-triggers"].concat();
            assert_eq!(all.key(near.as_bytes()), Some("keywell-triggers"));
        }
        assert_eq!(keys("keywell-triggers").full("k"), b"keywell-triggers:k");
        assert!(!keys("default").hides(b"default:keywell-triggers:k"));
    }

    #[test]
    fn a_prefix_is_of_the_default_bucket_alone() {
        let keys = Keys::new(&BucketName::default(), Some("app/")).unwrap();
        assert_eq!(keys.full("k"), b"app/k");
        let all = Keys::new(&BucketName::default(), Some("")).unwrap();
        assert_eq!(all.full("k"), b"k");
        let other = BucketName::parse("other").unwrap();
        let refused = Keys::new(&other, Some("app/"));
        assert!(matches!(refused, Err(Error::NoSuchBucket(_))));
    }
}
