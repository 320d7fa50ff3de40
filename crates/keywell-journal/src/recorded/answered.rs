//! What a store answers, as it is recorded.

use bytes::Bytes;
use keywell_store::{
    Collected, Cursor, Entry, Error as StoreError, Expires, Page, Transacted, Version,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// An answer that has a recorded form.
pub(super) trait Answered: Clone + Send + 'static {
    type Wire: Serialize + DeserializeOwned;

    fn to_wire(&self) -> Self::Wire;
    fn from_wire(wire: Self::Wire) -> Self;
}

/// Encodes an answer, or the error that came instead.
pub(super) fn encode<T: Answered>(answer: &Result<T, StoreError>) -> Bytes {
    let wire = answer.as_ref().map(T::to_wire).map_err(StoreError::clone);
    let bytes = postcard::to_stdvec(&wire).expect("answers have lengths");
    bytes.into()
}

/// Reads an answer.
///
/// # Errors
///
/// The recorded error; [`StoreError::Corrupt`] for bytes of something else.
pub(super) fn decode<T: Answered>(bytes: &Bytes) -> Result<T, StoreError> {
    match postcard::from_bytes::<Result<T::Wire, StoreError>>(bytes) {
        Ok(wire) => wire.map(T::from_wire),
        Err(_) => Err(StoreError::Corrupt(
            "a recorded answer is that of another call".into(),
        )),
    }
}

/// An entry, whose value is not written as text.
#[derive(Serialize, Deserialize)]
pub(super) struct Seen {
    #[serde(with = "crate::raw")]
    value: Bytes,
    version: Version,
    expires: Expires,
}

impl From<&Entry> for Seen {
    fn from(entry: &Entry) -> Self {
        Self {
            value: entry.value.clone(),
            version: entry.version.clone(),
            expires: entry.expires,
        }
    }
}

impl From<Seen> for Entry {
    fn from(seen: Seen) -> Self {
        Self {
            value: seen.value,
            version: seen.version,
            expires: seen.expires,
        }
    }
}

/// Answers that are recorded as they are.
macro_rules! as_they_are {
    ($($answer:ty),*) => {$(
        impl Answered for $answer {
            type Wire = Self;

            fn to_wire(&self) -> Self {
                self.clone()
            }

            fn from_wire(wire: Self) -> Self {
                wire
            }
        }
    )*};
}

as_they_are!(bool, Collected, Transacted, Vec<String>);

impl Answered for Option<Entry> {
    type Wire = Option<Seen>;

    fn to_wire(&self) -> Self::Wire {
        self.as_ref().map(Seen::from)
    }

    fn from_wire(wire: Self::Wire) -> Self {
        wire.map(Entry::from)
    }
}

impl Answered for Vec<Option<Entry>> {
    type Wire = Vec<Option<Seen>>;

    fn to_wire(&self) -> Self::Wire {
        self.iter().map(Answered::to_wire).collect()
    }

    fn from_wire(wire: Self::Wire) -> Self {
        wire.into_iter().map(Answered::from_wire).collect()
    }
}

impl Answered for Page {
    type Wire = (Vec<String>, Vec<Seen>, Option<Cursor>);

    fn to_wire(&self) -> Self::Wire {
        let entries = self.entries.iter().map(Seen::from).collect();
        (self.keys.clone(), entries, self.cursor.clone())
    }

    fn from_wire((keys, entries, cursor): Self::Wire) -> Self {
        Self {
            keys,
            entries: entries.into_iter().map(Entry::from).collect(),
            cursor,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use keywell_store::{Invalid, Kind, Written};

    use super::*;

    fn entry() -> Entry {
        Entry {
            value: Bytes::from_static(b"\xff"),
            version: Version::from(Bytes::from_static(b"v")),
            expires: Expires::In(std::time::Duration::from_millis(1)),
        }
    }

    fn errors() -> Vec<StoreError> {
        vec![
            StoreError::NoSuchBucket("b".to_owned()),
            StoreError::AccessDenied("d".into()),
            Invalid::EmptyKey.into(),
            Invalid::KeyTooLong { bytes: 2, max: 1 }.into(),
            Invalid::KeyCharacter('c').into(),
            Invalid::ValueTooLarge { bytes: 2, max: 1 }.into(),
            Invalid::BatchTooLong { keys: 2, max: 1 }.into(),
            Invalid::WrittenTwice.into(),
            Invalid::BatchTooLarge { bytes: 2, max: 1 }.into(),
            Invalid::BucketName.into(),
            Invalid::Cursor.into(),
            Invalid::Token.into(),
            Invalid::Compacted.into(),
            Invalid::NotANumber.into(),
            Invalid::Overflow.into(),
            Invalid::Ttl.into(),
            Invalid::Kind(Kind::Value).into(),
            Invalid::Kind(Kind::List).into(),
            Invalid::Kind(Kind::Set).into(),
            StoreError::Unsupported("u"),
            StoreError::Unavailable("u".into()),
            StoreError::Ambiguous("a".into()),
            StoreError::Corrupt("c".into()),
            StoreError::Internal("i".into()),
        ]
    }

    fn line<T: Answered>(text: &mut String, name: &str, answer: &Result<T, StoreError>) {
        let bytes = encode(answer);
        write!(text, "{name}:").unwrap();
        for byte in &bytes {
            write!(text, "{byte:02x}").unwrap();
        }
        text.push('\n');
        let again = encode(&decode::<T>(&bytes));
        assert_eq!(again, bytes, "{name}");
    }

    /// The types are the contract's: a variant that moves there changes what is in journals.
    #[test]
    fn answers_keep_their_bytes() {
        let mut text = String::new();
        let out = &mut text;
        line(out, "exists", &Ok(true));
        line(out, "entry", &Ok(Some(entry())));
        line(out, "no entry", &Ok(None::<Entry>));
        let plain = Entry {
            version: Version::from(9),
            expires: Expires::Never,
            ..entry()
        };
        let unread = Entry {
            expires: Expires::Unread,
            ..entry()
        };
        line(out, "entries", &Ok(vec![Some(plain), None, Some(unread)]));
        let page = Page {
            keys: vec!["k".to_owned()],
            entries: vec![entry()],
            cursor: Some(Cursor::from("c".to_owned())),
        };
        line(out, "page", &Ok(page));
        line(out, "count", &Ok(Collected::Count(3)));
        line(out, "changed", &Ok(Collected::Changed(true)));
        line(out, "texts", &Ok(Collected::Texts(vec!["t".to_owned()])));
        let written = [
            Written::set(Version::from(1)),
            Written::deleted(false),
            Written::counted(Version::from(2), -3),
        ];
        line(out, "written", &Ok(Transacted::Done(written.into())));
        line(out, "stale", &Ok(Transacted::Stale(1)));
        line(out, "buckets", &Ok(vec!["b".to_owned()]));
        for error in errors() {
            let name = error.to_string();
            line::<bool>(out, &name, &Err(error));
        }
        assert_eq!(text, include_str!("answered.txt"), "{text}");
    }
}
