use bytes::Bytes;
use keywell_store::{Event, ResumeToken};
use wasmtime::component::{ComponentType, Lower};

use super::version;

/// The variant `event`.
#[derive(ComponentType, Lower)]
#[component(variant)]
pub(crate) enum OwnEvent {
    #[component(name = "set")]
    Set(SetEvent),
    #[component(name = "delete")]
    Delete(DeleteEvent),
    #[component(name = "gap")]
    Gap,
}

/// The record `set-event`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct SetEvent {
    key: String,
    value: Option<Bytes>,
    version: Option<Bytes>,
    token: Option<String>,
}

/// The record `delete-event`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct DeleteEvent {
    key: String,
    expired: bool,
    token: Option<String>,
}

// === impl OwnEvent ===

impl OwnEvent {
    /// The event, without a value or a version of more than so many bytes.
    pub(super) fn within(event: Event, max: usize) -> Self {
        let text = |token: ResumeToken| token.as_str().to_owned();
        let is_within = |bytes: &Bytes| bytes.len() <= max;
        match event {
            Event::Set {
                key,
                value,
                version,
                token,
            } => Self::Set(SetEvent {
                key,
                value: Some(value).filter(is_within),
                version: version.as_ref().map(version::to_bytes).filter(is_within),
                token: token.map(text),
            }),
            Event::Delete {
                key,
                expired,
                token,
            } => Self::Delete(DeleteEvent {
                key,
                expired,
                token: token.map(text),
            }),
            // Of an event that is not known here, nothing else can be said.
            _ => Self::Gap,
        }
    }

    /// How many bytes it has.
    pub(super) fn bytes(&self) -> usize {
        let length = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let (key, token, rest) = match self {
            Self::Set(set) => (
                &set.key,
                &set.token,
                length(&set.value) + length(&set.version),
            ),
            Self::Delete(delete) => (&delete.key, &delete.token, 0),
            Self::Gap => return 0,
        };
        key.len() + token.as_ref().map_or(0, String::len) + rest
    }

    /// Where to resume after it.
    pub(super) fn token(&self) -> Option<&String> {
        match self {
            Self::Set(set) => set.token.as_ref(),
            Self::Delete(delete) => delete.token.as_ref(),
            Self::Gap => None,
        }
    }
}
