//! What happened to a key, as a trigger delivers it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WatchedOperation {
    /// It was written: `SET`.
    #[serde(rename = "SET")]
    Set,
    /// It is gone, deleted or expired: `DEL`.
    #[serde(rename = "DEL")]
    Delete,
}

/// An event of a key.
#[derive(Clone, Debug)]
pub(crate) struct KeyEvent {
    pub(crate) key: Arc<str>,
    /// `None` where the key is gone.
    pub(crate) value: Option<Bytes>,
}

// === impl WatchedOperation ===

impl fmt::Display for WatchedOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Set => "SET",
            Self::Delete => "DEL",
        })
    }
}

// === impl KeyEvent ===

impl KeyEvent {
    pub(crate) fn operation(&self) -> WatchedOperation {
        match self.value {
            Some(_) => WatchedOperation::Set,
            None => WatchedOperation::Delete,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}
