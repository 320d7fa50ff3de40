//! What keys are called in etcd.
//!
//! `PREFIX/BUCKET/KEY`. In the name of the bucket, `%` and `/` are escaped as in a URL, so its end
//! is known; the key stands as it is. The same with an empty key, which no bucket takes, is the
//! bucket's marker of deletions.

use bytes::Bytes;
use keywell_store::BucketName;
use percent_encoding::percent_decode_str;

/// The names of a bucket's keys.
#[derive(Debug)]
pub(crate) struct Names {
    /// With the slash at its end.
    prefix: String,
}

/// A range of names: from the first up to before the second.
pub(crate) type Range = (Bytes, Bytes);

// === impl Names ===

impl Names {
    pub(crate) fn new(store: &str, bucket: &BucketName) -> Self {
        Self {
            prefix: format!("{store}/{}/", escaped(bucket)),
        }
    }

    /// The name of a key.
    pub(crate) fn name(&self, key: &str) -> Bytes {
        let mut name = String::with_capacity(self.prefix.len() + key.len());
        name.push_str(&self.prefix);
        name.push_str(key);
        name.into()
    }

    /// What is written with every deletion.
    pub(crate) fn marker(&self) -> Bytes {
        self.name("")
    }

    /// The key of a name; empty for the marker.
    pub(crate) fn key(&self, name: &[u8]) -> Option<String> {
        let key = name.strip_prefix(self.prefix.as_bytes())?;
        String::from_utf8(key.to_vec()).ok()
    }

    /// The names of the keys that begin with this. If it is empty, of all keys, and the marker.
    pub(crate) fn beginning_with(&self, prefix: &str) -> Range {
        let first = self.name(prefix);
        let behind = behind_all(&first);
        (first, behind)
    }

    /// The names of all keys.
    pub(crate) fn keys(&self) -> Range {
        let (marker, end) = self.beginning_with("");
        (next(&marker), end)
    }
}

/// The name of a bucket without a slash.
fn escaped(bucket: &BucketName) -> String {
    bucket.as_str().replace('%', "%25").replace('/', "%2F")
}

/// The first name behind one.
pub(crate) fn next(name: &[u8]) -> Bytes {
    [name, b"\0"].concat().into()
}

/// The first name behind all that begin with one, which is UTF-8 and not empty.
pub(crate) fn behind_all(name: &[u8]) -> Bytes {
    let mut behind = name.to_vec();
    // No byte of UTF-8 is the largest that there is.
    if let Some(last) = behind.last_mut() {
        *last += 1;
    }
    behind.into()
}

/// The bucket that a name belongs to, and the name of its marker.
pub(crate) fn bucket_of<'a>(store: &str, name: &'a str) -> Option<(BucketName, &'a str)> {
    let rest = name.strip_prefix(store)?.strip_prefix('/')?;
    let (bucket, key) = rest.split_once('/')?;
    let decoded = percent_decode_str(bucket).decode_utf8().ok()?;
    let found = BucketName::parse(&decoded).ok()?;
    // What another program wrote may be escaped otherwise, and is no bucket of ours.
    (escaped(&found) == bucket).then(|| (found, &name[..name.len() - key.len()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(bucket: &str) -> Names {
        Names::new("p", &BucketName::parse(bucket).unwrap())
    }

    #[test]
    fn no_two_keys_have_one_name() {
        let mut seen = std::collections::HashMap::new();
        let parts = [
            "a", "a/", "/", "a/b", "%", "%2F", "%2f", "é", "a%2Fb", "b", "c%",
        ];
        for bucket in parts {
            for key in parts {
                let name = names(bucket).name(key);
                assert_eq!(names(bucket).key(&name).as_deref(), Some(key));
                let text = String::from_utf8(name.to_vec()).unwrap();
                let (found, marker) = bucket_of("p", &text).unwrap();
                assert_eq!(found.as_str(), bucket);
                assert_eq!(marker.as_bytes(), names(bucket).marker());
                assert_eq!(seen.insert(name, (bucket, key)), None, "{text}");
            }
        }
    }

    #[test]
    fn ranges_have_the_keys_of_a_prefix_alone() {
        let has = |(first, end): &Range, name: &Bytes| (first..end).contains(&name);
        let bucket = names("b");
        let range = bucket.beginning_with("k");
        for (key, is_in) in [
            ("k", true),
            ("k\u{10ffff}", true),
            ("l", false),
            ("j", false),
        ] {
            assert_eq!(has(&range, &bucket.name(key)), is_in, "{key}");
        }
        let all = bucket.beginning_with("");
        assert!(has(&all, &bucket.marker()) && !has(&bucket.keys(), &bucket.marker()));
        assert!(has(&bucket.keys(), &bucket.name("\0")));
        for other in ["b\u{20}", "b!", "b0", "a"] {
            assert!(!has(&all, &names(other).name("k")), "{other}");
        }
    }

    #[test]
    fn what_another_program_wrote_is_no_bucket() {
        for name in ["p/b", "q/b/k", "p//k", "p/%2f/k", "p/%41/k", "p/%ff/k", "p"] {
            assert_eq!(bucket_of("p", name), None, "{name}");
        }
    }
}
