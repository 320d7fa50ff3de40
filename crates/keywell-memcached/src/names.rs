//! What keys are called in Memcached.
//!
//! `PREFIX`, `BUCKET`, a colon, `KEY`. Memcached takes 250 bytes without blanks and control
//! characters, so these and `%` are escaped as in a URL, and a colon in the name of a bucket too. A
//! name that is too long ends in a digest of the whole instead. It need not be read back, as there are
//! no listings; and a component that was written for another store need not know that this one has
//! short names.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keywell_store::BucketName;
use sha2::{Digest as _, Sha256};

/// The longest name that Memcached takes, in bytes.
const LONGEST: usize = 250;
/// What begins a digest. No escaped character is written so.
const DIGEST: &str = "%#";
/// The length of a digest: 32 bytes in base64.
const DIGEST_LENGTH: usize = 43;

/// The names of a bucket's keys.
#[derive(Debug)]
pub(crate) struct Names {
    /// With the colon at its end.
    prefix: String,
}

// === impl Names ===

impl Names {
    pub(crate) fn new(prefix: &str, bucket: &BucketName) -> Self {
        let mut escaped = String::new();
        escape(&mut escaped, prefix, b"");
        escape(&mut escaped, bucket.as_str(), b":");
        escaped.push(':');
        Self { prefix: escaped }
    }

    pub(crate) fn name(&self, key: &str) -> String {
        let mut name = self.prefix.clone();
        escape(&mut name, key, b"");
        if name.len() <= LONGEST {
            return name;
        }
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(&name));
        let mut end = LONGEST - DIGEST.len() - DIGEST_LENGTH;
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
        name.push_str(DIGEST);
        name.push_str(&digest);
        name
    }
}

fn escape(name: &mut String, text: &str, also: &[u8]) {
    for character in text.chars() {
        let is_plain = match u8::try_from(character) {
            Ok(byte) => byte > b' ' && byte != 0x7f && byte != b'%' && !also.contains(&byte),
            Err(_) => true,
        };
        // Those between 0x80 and 0xff are two bytes of UTF-8, each of which Memcached takes.
        if is_plain {
            name.push(character);
        } else {
            let _ = write!(name, "%{:02X}", u32::from(character));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_have_one_name_and_each_is_one_that_memcached_takes() {
        let long = "🗝".repeat(256);
        let longer = "x".repeat(1024);
        let parts = [
            "a", ":", "a:b", "b", "%", "%3A", " ", "\u{7f}", "\0", "é", "a b", "\u{85}", "%#",
        ];
        let keys = parts
            .iter()
            .copied()
            .chain([&*long, &long[4..], &longer, &longer[1..]]);
        let mut seen = std::collections::HashMap::new();
        for prefix in ["", "p:"] {
            for bucket in parts {
                let Ok(bucket) = BucketName::parse(bucket) else {
                    continue;
                };
                for key in keys.clone() {
                    let name = Names::new(prefix, &bucket).name(key);
                    assert!(name.len() <= LONGEST);
                    assert!(
                        name.bytes().all(|byte| byte > b' ' && byte != 0x7f),
                        "{name}"
                    );
                    let known = seen.insert(name.clone(), (prefix, bucket.clone(), key));
                    // A prefix is chosen by one who knows what it is for.
                    if let Some((other, ..)) = known {
                        assert_ne!(other, prefix, "{name}");
                    }
                }
            }
        }
        let bucket = BucketName::parse("orders").unwrap();
        assert_eq!(Names::new("", &bucket).name("café:1"), "orders:café:1");
    }
}
