//! A dead letter, and its JSON, which outlives releases.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::watch::event::WatchedOperation;
use crate::watch::json::json;

/// An event that could not be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// What names it to [`DeadLetters`](crate::watch::DeadLetters): the trigger's name, `/`, and text that
    /// sorts by time.
    pub id: String,
    /// The trigger's name.
    pub trigger: String,
    /// What the component is called.
    pub component: String,
    /// The watched bucket, by the component's name for it.
    pub bucket: String,
    /// What happened.
    pub operation: WatchedOperation,
    /// To which key.
    pub key: String,
    /// The value that was set; `None` for a `DEL`, or where it was too large to be kept here.
    pub value: Option<Bytes>,
    /// Why the last attempt failed, and the last line that the component wrote to standard error in
    /// it, up to 256 bytes.
    pub reason: String,
    /// How often it was tried; 0 where the event was never delivered, as past the limit on hops.
    pub attempts: u32,
    /// When it was given up, in milliseconds since 1970.
    pub at_millis: u64,
    /// Whether it waits to be delivered again.
    pub is_replaying: bool,
}

/// A letter as it is stored, under its id.
#[derive(Serialize, Deserialize)]
struct Stored {
    trigger: String,
    component: String,
    bucket: String,
    operation: WatchedOperation,
    key: String,
    /// The value, where it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
    reason: String,
    attempts: u32,
    at_millis: u64,
}

// === impl DeadLetter ===

impl DeadLetter {
    /// The letter as JSON.
    pub(crate) fn to_json(&self) -> keywell_store::Result<Bytes> {
        let text = self.value.as_deref().map(std::str::from_utf8);
        let (value, value_base64) = match text {
            Some(Ok(text)) => (Some(text.to_owned()), None),
            Some(Err(_)) => (
                None,
                self.value.as_ref().map(|value| STANDARD.encode(value)),
            ),
            None => (None, None),
        };
        json(&Stored {
            trigger: self.trigger.clone(),
            component: self.component.clone(),
            bucket: self.bucket.clone(),
            operation: self.operation,
            key: self.key.clone(),
            value,
            value_base64,
            reason: self.reason.clone(),
            attempts: self.attempts,
            at_millis: self.at_millis,
        })
    }

    /// Reads a letter; `None` if it is none.
    pub(crate) fn from_json(id: &str, json: &[u8], is_replaying: bool) -> Option<Self> {
        let stored: Stored = serde_json::from_slice(json).ok()?;
        let value = match (stored.value, stored.value_base64) {
            (Some(text), _) => Some(Bytes::from(text)),
            (None, Some(base64)) => Some(STANDARD.decode(base64).ok()?.into()),
            (None, None) => None,
        };
        Some(Self {
            id: id.to_owned(),
            trigger: stored.trigger,
            component: stored.component,
            bucket: stored.bucket,
            operation: stored.operation,
            key: stored.key,
            value,
            reason: stored.reason,
            attempts: stored.attempts,
            at_millis: stored.at_millis,
            is_replaying,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_read_as_it_was_written() {
        for value in [None, Some(&b"text"[..]), Some(b""), Some(b"\xff\0")] {
            let letter = DeadLetter {
                id: "t/1".into(),
                trigger: "t".into(),
                component: "c.wasm".into(),
                bucket: "default".into(),
                operation: WatchedOperation::Set,
                key: "k".into(),
                value: value.map(Bytes::copy_from_slice),
                reason: "a trap".into(),
                attempts: 4,
                at_millis: 1,
                is_replaying: true,
            };
            let json = letter.to_json().unwrap();
            assert_eq!(DeadLetter::from_json("t/1", &json, true).unwrap(), letter);
        }
        assert_eq!(DeadLetter::from_json("t/1", b"{}", false), None);
    }
}
