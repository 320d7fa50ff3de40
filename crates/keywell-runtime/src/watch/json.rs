//! Records as they are stored.

use bytes::Bytes;
use keywell_store::{Error, Failure, Result};
use serde::Serialize;

/// A record as JSON.
pub(crate) fn json(record: &impl Serialize) -> Result<Bytes> {
    let json = serde_json::to_vec(record);
    json.map(Bytes::from)
        .map_err(|error| Error::Internal(Failure::caused_by("writing a record", error)))
}
