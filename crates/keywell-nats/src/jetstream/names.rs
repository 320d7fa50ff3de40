//! How buckets and keys are named on the server.
//!
//! A bucket is the stream `KV_BUCKET`, and a key the subject `$KV.BUCKET.KEY`, as the `nats kv` tool
//! has them. Keys that the tool takes keep their text: letters, digits and `-/_=.`, without a dot at
//! an end or beside another. Any other byte is written `=XX`, in hexadecimal digits in capitals.
//! So is a `=` that would otherwise read as such an escape. Names of buckets have letters, digits,
//! `-` and `_`, and escape by `_XX` in the same way. One that is too long for a stream then is named
//! by its hash, behind an escape that no other name has, and stands in the stream's description.
//!
//! What no key is written as, such as a key `a=41` that the tool wrote, is of no key: it is neither
//! read nor listed.

use std::fmt::Write as _;

use keywell_store::BucketName;
use sha2::{Digest as _, Sha256};

/// What the names of streams of buckets begin with.
const STREAM: &str = "KV_";

/// The longest name of a stream that a server takes, in bytes.
const MAX_STREAM_BYTES: usize = 255;

/// What the stream of a bucket with a long name begins with: an `A` needs no escape.
const HASHED: &str = "KV__41";

/// The longest key, in bytes. Escaped, it still fits a line of the protocol, with its subject.
pub(crate) const MAX_KEY_BYTES: usize = 1024;

/// How a bucket is named on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    /// Its stream.
    stream: String,
    /// What the subjects of its keys begin with, with the dot behind it.
    prefix: String,
}

// === impl Names ===

impl Names {
    /// The names of a bucket.
    pub(crate) fn of(bucket: &BucketName) -> Self {
        let mut escaped = escape(bucket.as_str(), b'_', |_, byte, _| is_bucket_byte(byte));
        if STREAM.len() + escaped.len() > MAX_STREAM_BYTES {
            HASHED[STREAM.len()..].clone_into(&mut escaped);
            for byte in &Sha256::digest(bucket.as_str())[..16] {
                let written = write!(escaped, "{byte:02x}");
                written.expect("text can be appended to");
            }
        }
        Self {
            stream: format!("{STREAM}{escaped}"),
            prefix: format!("$KV.{escaped}."),
        }
    }

    /// Whether a stream is named by the hash of its bucket's name.
    pub(crate) fn is_hashed(stream: &str) -> bool {
        stream.starts_with(HASHED)
    }

    /// The bucket that a stream belongs to, if it is that of one whose name is not hashed.
    pub(crate) fn bucket(stream: &str) -> Option<BucketName> {
        let escaped = stream.strip_prefix(STREAM)?;
        let name = BucketName::parse(&unescape(escaped, b'_')?).ok()?;
        (Self::of(&name).stream == stream).then_some(name)
    }

    pub(crate) fn stream(&self) -> &str {
        &self.stream
    }

    /// The subject of a key, which must not be empty.
    pub(crate) fn subject(&self, key: &str) -> String {
        let mut subject = self.prefix.clone();
        subject.push_str(&escape(key, b'=', is_plain));
        subject
    }

    /// A subject of the bucket that no key is written as.
    pub(crate) fn no_key(&self) -> String {
        format!("{}=41", self.prefix)
    }

    /// The subjects of all keys.
    pub(crate) fn all(&self) -> String {
        format!("{}>", self.prefix)
    }

    /// The key of a subject, unless no key is written so.
    pub(crate) fn key(&self, subject: &str) -> Option<String> {
        let escaped = subject.strip_prefix(&*self.prefix)?;
        let key = unescape(escaped, b'=')?;
        (!key.is_empty() && escape(&key, b'=', is_plain) == escaped).then_some(key)
    }
}

fn is_bucket_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// Whether a byte of a key stands for itself, between these.
fn is_plain(before: Option<u8>, byte: u8, after: Option<u8>) -> bool {
    match byte {
        // Servers split subjects at dots, and no part of one may be empty.
        b'.' => before.is_some_and(|byte| byte != b'.') && after.is_some(),
        b'-' | b'/' | b'_' | b'=' => true,
        _ => byte.is_ascii_alphanumeric(),
    }
}

/// Escapes what is not plain, and an escape character that two hexadecimal digits follow.
fn escape(text: &str, mark: u8, is_plain: impl Fn(Option<u8>, u8, Option<u8>) -> bool) -> String {
    let bytes = text.as_bytes();
    let mut escaped = String::with_capacity(bytes.len());
    for (at, &byte) in bytes.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| bytes[at]);
        let after = bytes.get(at + 1).copied();
        let is_mistaken = byte == mark && hex(&bytes[at + 1..]).is_some();
        if is_plain(before, byte, after) && !is_mistaken {
            escaped.push(char::from(byte));
        } else {
            let written = write!(escaped, "{}{byte:02X}", char::from(mark));
            written.expect("text can be appended to");
        }
    }
    escaped
}

/// Undoes [`escape`]. Text that it never makes has an answer too, or none.
fn unescape(text: &str, mark: u8) -> Option<String> {
    let mut rest = text.as_bytes();
    let mut bytes = Vec::with_capacity(rest.len());
    while let [byte, after @ ..] = rest {
        if let Some(escaped) = hex(after).filter(|_| *byte == mark) {
            bytes.push(escaped);
            rest = &after[2..];
        } else {
            bytes.push(*byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

/// The byte that two hexadecimal digits in capitals stand for.
fn hex(text: &[u8]) -> Option<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    match text {
        [high, low, ..] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    fn names(bucket: &str) -> Names {
        Names::of(&BucketName::parse(bucket).unwrap())
    }

    #[test]
    fn a_key_that_the_tool_takes_keeps_its_text() {
        let names = names("orders");
        assert_eq!(names.stream(), "KV_orders");
        for key in [
            "a", "a.b.c", "A-/_=9", "=", "x=", "x==", "a=b", "a=4g", "_kv", "a=ff",
        ] {
            let subject = names.subject(key);
            assert_eq!(subject, format!("$KV.orders.{key}"));
            assert_eq!(names.key(&subject).as_deref(), Some(key));
        }
    }

    #[test]
    fn other_keys_are_escaped() {
        let names = names("b");
        for (key, escaped) in [
            (".", "=2E"),
            ("a.", "a=2E"),
            (".a", "=2Ea"),
            ("a..b", "a.=2Eb"),
            ("a b", "a=20b"),
            ("*", "=2A"),
            (">", "=3E"),
            ("a=41", "a=3D41"),
            ("=é", "==C3=A9"),
            ("\0", "=00"),
            ("=3D", "=3D3D"),
        ] {
            assert_eq!(names.subject(key), format!("$KV.b.{escaped}"), "{key:?}");
            assert_eq!(names.key(&format!("$KV.b.{escaped}")).as_deref(), Some(key));
        }
    }

    #[test]
    fn what_no_key_is_written_as_is_of_no_key() {
        let names = names("b");
        for subject in [
            "$KV.b.a=41",
            "$KV.b.=FF",
            "$KV.b.",
            "$KV.c.a",
            "$KV.b",
            "$KV.b.a=2Eb",
            "$KV.b.é",
            &*names.no_key(),
        ] {
            assert_eq!(names.key(subject), None, "{subject}");
        }
    }

    #[test]
    fn any_key_and_bucket_comes_back_and_no_two_are_written_alike() {
        let letters: Vec<char> = "ab=._-/ 02E4CF\0*>é🗝".chars().collect();
        let seed = std::env::var("KEYWELL_SEED").ok();
        let seed = seed.and_then(|seed| seed.parse().ok());
        let seed: u64 = seed.unwrap_or_else(rand::random);
        println!("KEYWELL_SEED={seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let mut written = std::collections::HashMap::new();
        for _ in 0..100_000 {
            let length = random.random_range(1..7);
            let text: String = (0..length)
                .map(|_| letters[random.random_range(0..letters.len())])
                .collect();
            let names = names("b");
            let subject = names.subject(&text);
            assert_eq!(names.key(&subject).as_deref(), Some(&*text), "{text:?}");
            let tokens = subject.split('.');
            for token in tokens {
                assert!(!token.is_empty() && token.is_ascii(), "{text:?}: {subject}");
            }
            if let Ok(name) = BucketName::parse(&text) {
                let names = Names::of(&name);
                assert_eq!(Names::bucket(names.stream()), Some(name));
            }
            let other = written.entry(subject).or_insert_with(|| text.clone());
            assert_eq!(*other, text);
        }
    }

    #[test]
    fn a_name_that_is_too_long_for_a_stream_is_hashed() {
        for (text, times, is_hashed) in [
            ("a", 252, false),
            ("a", 253, true),
            (" ", 84, false),
            (" ", 85, true),
            ("é", 127, true),
        ] {
            let names = names(&text.repeat(times));
            assert_eq!(
                Names::is_hashed(names.stream()),
                is_hashed,
                "{text} {times}"
            );
            assert!(names.stream().len() <= MAX_STREAM_BYTES);
            assert_eq!(Names::bucket(names.stream()).is_none(), is_hashed);
        }
        // Stored data depends on it.
        assert_eq!(
            names(&"a".repeat(253)).stream(),
            "KV__4132859a3ab65ac52932e16fad60606536"
        );
    }
}
