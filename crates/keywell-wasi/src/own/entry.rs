use bytes::Bytes;
use keywell_store::{Bucket as _, Cas, Entry};
use wasmtime::component::{ComponentType, Lower};

use super::version;
use crate::keyvalue::Keyvalue;
use crate::opened::Opened;

/// The record `entry`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct OwnEntry {
    value: Bytes,
    version: Bytes,
}

/// How many bytes of values an answer for the instance may have. Where versions are made of values,
/// the host holds each twice.
pub(crate) fn readable(keyvalue: &Keyvalue, bucket: &Opened) -> usize {
    let remaining = keyvalue.budget().remaining();
    match bucket.capabilities().cas {
        Cas::ByValue => remaining / 2,
        Cas::None | Cas::ByVersion => remaining,
    }
}

// === impl OwnEntry ===

impl From<Entry> for OwnEntry {
    fn from(entry: Entry) -> Self {
        Self {
            version: version::to_bytes(&entry.version),
            value: entry.value,
        }
    }
}
