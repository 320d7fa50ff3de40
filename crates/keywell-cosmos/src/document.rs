//! A key as a document: what is written, and what is read.
//!
//! ```json
//! {"id": "SMC_RXwoBV", "bucket": "default", "data": "dmFsdWU=", "op": "5f3a…",
//!  "expires": 1767225600000, "ttl": 61}
//! ```
//!
//! `op` is different in each write. `expires` is in milliseconds since 1970, by the writer's clock;
//! from then on the document is hidden. `ttl` is in seconds since the last write, after which the
//! service deletes it. A tombstone has `"gone": true` and no `data`; one of a
//! key that was not there also has `"void": true`, and is no deletion to watches.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use keywell_store::{Entry, Error, Expires, Result, Set, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::names;

/// A document that is written.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Document {
    pub(crate) id: String,
    bucket: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    /// Different in each write.
    op: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u32>,
    #[serde(skip_serializing_if = "is_false")]
    gone: bool,
    #[serde(skip_serializing_if = "is_false")]
    void: bool,
}

/// A document that was read, of this program or another.
#[derive(Debug, Deserialize)]
pub(crate) struct Stored {
    pub(crate) id: String,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    op: Value,
    #[serde(default)]
    expires: Value,
    #[serde(default)]
    gone: Value,
    #[serde(default)]
    void: Value,
    #[serde(rename = "_etag")]
    pub(crate) etag: String,
}

/// What a document says of its key.
#[derive(Debug)]
pub(crate) enum Content {
    /// There is no such key: it was deleted, or its time to live ended.
    Hidden,
    /// The key has a value.
    Value {
        value: Bytes,
        /// When its time to live ends.
        expires: Option<u64>,
    },
    /// Another program wrote it, in another form.
    Foreign,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "`serde` calls it so")]
fn is_false(value: &bool) -> bool {
    !value
}

/// The milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or(Duration::ZERO).as_millis();
    u64::try_from(since).unwrap_or(u64::MAX)
}

/// When a time to live that begins now ends.
pub(crate) fn end(how: Set) -> Result<Option<u64>> {
    Ok(how.ttl_millis()?.map(|ttl| now().saturating_add(ttl)))
}

/// After how many seconds the service may delete what ends then. It counts from a whole second, so
/// one is added; past what it counts, it does not delete.
fn collected(end: u64) -> Option<u32> {
    let seconds = end.saturating_sub(now()).div_ceil(1000) + 1;
    let seconds = i32::try_from(seconds).ok()?;
    u32::try_from(seconds).ok()
}

/// The version of a document: its etag, and when it ends, so that a swap knows whether it has.
pub(crate) fn version(etag: &str, expires: Option<u64>) -> Version {
    let end = expires.map_or_else(String::new, |end| format!("{end:x}"));
    Bytes::from(format!("{end}:{etag}")).into()
}

/// The etag of a version; `None` if it is not one of ours, or has ended.
pub(crate) fn etag(version: &Version) -> Option<&str> {
    let version = std::str::from_utf8(version.as_bytes()?).ok()?;
    let (end, etag) = version.split_once(':')?;
    let has_ended = !end.is_empty() && u64::from_str_radix(end, 16).ok()? <= now();
    (!has_ended).then_some(etag)
}

// === impl Document ===

impl Document {
    /// A key with a value.
    pub(crate) fn value(bucket: &str, key: &str, value: &[u8], expires: Option<u64>) -> Self {
        Self {
            id: names::id(key),
            bucket: bucket.to_owned(),
            data: Some(STANDARD.encode(value)),
            op: format!("{:032x}", rand::random::<u128>()),
            expires,
            ttl: expires.and_then(collected),
            gone: false,
            void: false,
        }
    }

    /// A key that is deleted, which is kept for as long as a watch may want to know.
    pub(crate) fn tombstone(bucket: &str, key: &str, kept: Duration) -> Self {
        let end = now().saturating_add(u64::try_from(kept.as_millis()).unwrap_or(u64::MAX));
        Self {
            data: None,
            ttl: collected(end),
            gone: true,
            ..Self::value(bucket, key, b"", None)
        }
    }

    /// The same, of a key that was not there.
    pub(crate) fn into_void(self) -> Self {
        Self { void: true, ..self }
    }

    /// How many bytes it has as JSON, or a few less.
    pub(crate) fn bytes(&self) -> usize {
        let data = self.data.as_ref().map_or(0, String::len);
        self.id.len() + 2 * self.bucket.len() + data + self.op.len()
    }

    /// The version of the key once it is written.
    pub(crate) fn version(&self, etag: &str) -> Version {
        version(etag, self.expires)
    }
}

// === impl Stored ===

impl Stored {
    /// Whether this write wrote it.
    pub(crate) fn is_of(&self, document: &Document) -> bool {
        self.op.as_str() == Some(&document.op)
    }

    /// Whether it is a tombstone.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone == Value::Bool(true)
    }

    /// Whether it is a tombstone of a key that was not there.
    pub(crate) fn is_void(&self) -> bool {
        self.is_gone() && self.void == Value::Bool(true)
    }

    /// What it says of its key now.
    pub(crate) fn content(&self) -> Content {
        if self.is_gone() {
            return Content::Hidden;
        }
        let expires = match &self.expires {
            Value::Null => None,
            expires => match expires.as_u64() {
                Some(end) if end <= now() => return Content::Hidden,
                Some(end) => Some(end),
                None => return Content::Foreign,
            },
        };
        self.written()
            .map_or(Content::Foreign, |value| Content::Value { value, expires })
    }

    /// The value that was written, whether or not it has ended.
    pub(crate) fn written(&self) -> Option<Bytes> {
        let data = STANDARD.decode(self.data.as_str()?).ok()?;
        Some(data.into())
    }

    /// The version of the key.
    pub(crate) fn version(&self) -> Version {
        version(&self.etag, self.expires.as_u64())
    }

    /// The entry of the key, if there is one.
    pub(crate) fn entry(&self) -> Result<Option<Entry>> {
        match self.content() {
            Content::Hidden => Ok(None),
            Content::Value { value, expires } => Ok(Some(Entry {
                value,
                version: self.version(),
                expires: match expires {
                    Some(end) => Expires::In(Duration::from_millis(end.saturating_sub(now()))),
                    None => Expires::Never,
                },
            })),
            Content::Foreign => Err(foreign()),
        }
    }
}

/// The error of reading what another program wrote.
pub(crate) fn foreign() -> Error {
    let what = "the document of the key is not of Keywell's form: `data` is no base64, or \
                `expires` no number";
    Error::Corrupt(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(json: &str) -> Stored {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_document_is_read_as_it_was_written() {
        let document = Document::value("b", "k", b"\0v", Some(now() + 60_000));
        let mut json = serde_json::to_value(&document).unwrap();
        json["_etag"] = "\"1\"".into();
        assert_eq!(json["ttl"], 61);
        let stored: Stored = serde_json::from_value(json).unwrap();
        assert!(stored.is_of(&document));
        let entry = stored.entry().unwrap().unwrap();
        assert_eq!(&entry.value[..], b"\0v");
        assert!(matches!(entry.expires, Expires::In(left) if left.as_secs() >= 50));
        assert_eq!(etag(&entry.version), Some("\"1\""));
    }

    #[test]
    fn what_has_ended_is_hidden_at_once() {
        let ended = format!(
            r#"{{"id":"a","data":"dg==","expires":{},"_etag":"e"}}"#,
            now()
        );
        let ended = stored(&ended);
        assert!(ended.entry().unwrap().is_none());
        assert_eq!(etag(&ended.version()), None, "its version is stale");
        assert!(ended.written().is_some());
        let gone = stored(r#"{"id":"a","gone":true,"_etag":"e"}"#);
        assert!(gone.is_gone() && gone.entry().unwrap().is_none());
    }

    #[test]
    fn what_another_program_wrote_is_no_value() {
        for json in [
            r#"{"id":"a","_etag":"e"}"#,
            r#"{"id":"a","data":7,"_etag":"e"}"#,
            r#"{"id":"a","data":"no base64!","_etag":"e"}"#,
            r#"{"id":"a","data":"dg==","expires":"soon","_etag":"e"}"#,
        ] {
            let read = stored(json).entry();
            assert!(matches!(read, Err(Error::Corrupt(_))), "{json}: {read:?}");
        }
    }

    #[test]
    fn the_longest_time_to_live_is_left_to_us() {
        let longest = end(Set::expiring(Set::MAX_TTL).unwrap()).unwrap();
        let document = Document::value("b", "k", b"", longest);
        assert_eq!((document.expires, document.ttl), (longest, None));
    }
}
