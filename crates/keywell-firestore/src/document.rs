//! Keys as documents, and versions as the times of documents.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use keywell_store::{Entry, Error, Expires, Result, Set, Version};
use prost_types::Timestamp;

use crate::clock::{Time, nanos};
use crate::rpc::messages::value::ValueType;
use crate::rpc::messages::{Document, Value};

const VALUE: &str = "value";
/// The field of the policy of times to live.
pub(crate) const EXPIRES: &str = "expires";
/// Differs at each write: one that changes nothing would not change the update time either, and no
/// listener would hear of it.
const WRITE: &str = "write";

const SECOND: i64 = 1_000_000_000;

/// Which write of a key it was, and until when it is there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stamp {
    /// The update time of the document.
    pub(crate) updated: Timestamp,
    pub(crate) expires: Option<Time>,
}

// === impl Stamp ===

impl Stamp {
    pub(crate) fn of(document: &Document) -> Result<Self> {
        let updated = document.update_time.ok_or_else(|| {
            let what = format!("the document {} has no update time", document.name);
            Error::Corrupt(what.into())
        })?;
        let expires = expiry(document);
        Ok(Self { updated, expires })
    }

    /// The stamp that a version was made from. No other version is of a write here.
    pub(crate) fn from_version(version: &Version) -> Option<Self> {
        let (updated, rest) = version.as_bytes()?.split_first_chunk()?;
        let expires = match rest {
            [] => None,
            rest => Some(Time::from_be_bytes(rest.try_into().ok()?)),
        };
        let updated = timestamp(Time::from_be_bytes(*updated));
        Some(Self { updated, expires })
    }

    /// The version: the update time, and the end of the time to live, as a key is absent from then
    /// on whether the document is there or not.
    pub(crate) fn version(&self) -> Version {
        let mut bytes = time(&self.updated).to_be_bytes().to_vec();
        bytes.extend(self.expires.iter().flat_map(|end| end.to_be_bytes()));
        Bytes::from(bytes).into()
    }

    /// Whether the time to live has ended.
    pub(crate) fn is_over(&self, now: Time) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}

/// The end of a time to live; none for what another program wrote there.
pub(crate) fn expiry(document: &Document) -> Option<Time> {
    match document.fields.get(EXPIRES)?.value_type.as_ref()? {
        ValueType::TimestampValue(end) => Some(time(end)),
        _ => None,
    }
}

/// The value of a key.
///
/// # Errors
///
/// [`Error::Corrupt`] for a document in the form of another program.
pub(crate) fn value(document: &Document) -> Result<&Bytes> {
    let value = document.fields.get(VALUE);
    if let Some(ValueType::BytesValue(value)) = value.and_then(|value| value.value_type.as_ref()) {
        Ok(value)
    } else {
        let name = &document.name;
        let what = format!("the document {name} has no field `{VALUE}` with bytes");
        Err(Error::Corrupt(what.into()))
    }
}

/// The entry of a document that was read at a time; none if it has expired.
pub(crate) fn entry(document: &Document, now: Time) -> Result<Option<Entry>> {
    let stamp = Stamp::of(document)?;
    if stamp.is_over(now) {
        return Ok(None);
    }
    let left = |end: Time| u64::try_from(end - now).unwrap_or_default();
    Ok(Some(Entry {
        value: value(document)?.clone(),
        version: stamp.version(),
        expires: stamp.expires.map_or(Expires::Never, |end| {
            Expires::In(Duration::from_nanos(left(end)))
        }),
    }))
}

/// The document of a key.
pub(crate) fn document(name: String, value: Bytes, expires: Option<Time>) -> Document {
    let field = |name: &str, value| {
        let value_type = Some(value);
        (name.to_owned(), Value { value_type })
    };
    let write = ValueType::IntegerValue(rand::random());
    let fields = [
        Some(field(VALUE, ValueType::BytesValue(value))),
        Some(field(WRITE, write)),
        expires.map(|end| field(EXPIRES, ValueType::TimestampValue(timestamp(end)))),
    ];
    Document {
        name,
        fields: fields.into_iter().flatten().collect::<HashMap<_, _>>(),
        ..Document::default()
    }
}

/// When a key ends that is written now.
///
/// # Errors
///
/// [`Invalid::Ttl`](keywell_store::Invalid::Ttl).
pub(crate) fn end(how: Set, now: Time) -> Result<Option<Time>> {
    let millis = how.ttl_millis()?;
    // The service keeps microseconds.
    let end = |millis| now.saturating_add(nanos(Duration::from_millis(millis))) / 1000 * 1000;
    Ok(millis.map(end))
}

pub(crate) fn time(timestamp: &Timestamp) -> Time {
    let seconds = timestamp.seconds.saturating_mul(SECOND);
    seconds.saturating_add(timestamp.nanos.into())
}

pub(crate) fn timestamp(time: Time) -> Timestamp {
    Timestamp {
        seconds: time.div_euclid(SECOND),
        nanos: i32::try_from(time.rem_euclid(SECOND)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_leads_back_to_its_stamp() {
        for expires in [None, Some(0), Some(-1), Some(Time::MAX)] {
            let updated = timestamp(1_700_000_000_123_456_000);
            let stamp = Stamp { updated, expires };
            assert_eq!(Stamp::from_version(&stamp.version()), Some(stamp));
        }
        for other in [Version::from(7), Bytes::from_static(b"short").into()] {
            assert_eq!(Stamp::from_version(&other), None);
        }
    }

    #[test]
    fn times_are_kept_to_the_nanosecond() {
        for time_of in [0, 1, -1, 1_700_000_000_123_456_789, -SECOND] {
            assert_eq!(time(&timestamp(time_of)), time_of);
        }
    }
}
