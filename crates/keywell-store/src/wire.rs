//! How the types of the contract are written for another process, such as `keywell kv` beside a
//! server. Fields have their names and bytes are base64, so JSON has all of it.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use serde::{Deserialize, Deserializer};

/// Bytes as base64 (RFC 4648, padded).
pub mod base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use serde::de::{Deserialize as _, Error as _};
    use serde::{Deserializer, Serializer};

    /// Writes them.
    pub fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    /// Reads them.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(D::Error::custom)?;
        Ok(bytes.into())
    }
}

/// A text that lives as long as the process. Each is kept once.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static str, D::Error> {
    static TEXTS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    Ok(kept(&TEXTS, String::deserialize(deserializer)?))
}

/// Ranges that live as long as the process. Each list is kept once.
pub(crate) fn ranges<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<&'static [(char, char)], D::Error> {
    static RANGES: Mutex<BTreeSet<&'static [(char, char)]>> = Mutex::new(BTreeSet::new());
    let ranges = Vec::<(char, char)>::deserialize(deserializer)?;
    Ok(kept(&RANGES, ranges))
}

fn kept<T: Ord + ?Sized>(
    all: &Mutex<BTreeSet<&'static T>>,
    one: impl AsRef<T> + Into<Box<T>>,
) -> &'static T {
    let mut all = all.lock();
    if let Some(kept) = all.get(one.as_ref()) {
        return kept;
    }
    let kept: &'static T = Box::leak(one.into());
    all.insert(kept);
    kept
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use crate::{
        Alphabet, BucketName, Capabilities, Change, Error, Expected, Failure, Invalid, Set, Version,
    };

    /// The same, after it was written and read.
    fn carried<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
        let json = serde_json::to_string(value).unwrap();
        serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error} in {json}"))
    }

    #[test]
    fn an_error_keeps_its_kind_and_its_text() {
        let source = std::io::Error::other("no route");
        for error in [
            Error::NoSuchBucket("b".to_owned()),
            Error::AccessDenied("no".into()),
            Invalid::ValueTooLarge { bytes: 7, max: 3 }.into(),
            Invalid::KeyCharacter('\0').into(),
            Invalid::Compacted.into(),
            Error::Unsupported("watching"),
            Error::Unavailable(Failure::caused_by("connecting", source)),
            Error::Ambiguous("cut off".into()),
            Error::Corrupt("bits".into()),
            Error::Internal("oh".into()),
        ] {
            let read = carried(&error);
            assert_eq!(read.to_string(), error.to_string());
            assert_eq!(
                std::mem::discriminant(&read),
                std::mem::discriminant(&error)
            );
        }
    }

    #[test]
    fn what_is_compared_is_the_same_afterwards() {
        for version in [
            Version::from(u64::MAX),
            Version::from(Bytes::from_static(b"\0\xff")),
        ] {
            let expected = Expected::At(version);
            assert_eq!(carried(&expected), expected);
        }
        let ttl = Some(Duration::from_nanos(1_000_000_001));
        let change = Change::Set(Bytes::from_static(b"\xff"), Set { ttl });
        assert_eq!(carried(&change), change);
        let declared = Capabilities {
            key_bytes: usize::MAX,
            alphabet: Alphabet {
                excluded: &[('\0', ' '), ('\u{7f}', '\u{10ffff}')],
            },
            ..Capabilities::default()
        };
        assert_eq!(carried(&declared), declared);
        let name = BucketName::parse("é").unwrap();
        assert_eq!(carried(&name), name);
        assert!(serde_json::from_str::<BucketName>("\"a\\nb\"").is_err());
    }

    #[test]
    fn a_text_that_comes_again_is_kept_once() {
        let Error::Unsupported(one) = carried(&Error::Unsupported("doing this")) else {
            panic!("its kind is kept");
        };
        let Error::Unsupported(other) = carried(&Error::Unsupported("doing this")) else {
            panic!("its kind is kept");
        };
        assert!(std::ptr::eq(one, other));
    }
}
