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
