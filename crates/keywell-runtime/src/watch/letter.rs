use std::fmt;

use bytes::Bytes;

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// It was written: `SET`.
    Set,
    /// It is gone, deleted or expired: `DEL`.
    Delete,
}

/// An event that could not be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// What names it to [`DeadLetters`](super::DeadLetters): the trigger's name, `/`, and text that
    /// sorts by time.
    pub id: String,
    /// The trigger's name.
    pub trigger: String,
    /// What the component is called.
    pub component: String,
    /// The watched bucket, by the component's name for it.
    pub bucket: String,
    /// What happened.
    pub operation: Operation,
    /// To which key.
    pub key: String,
    /// The value that was set; `None` for a `DEL`, or where it was too large to be kept here.
    pub value: Option<Bytes>,
    /// Why the last attempt failed.
    pub reason: String,
    /// How often it was tried; 0 where the event was never delivered, as past the limit on hops.
    pub attempts: u32,
    /// When it was given up, in milliseconds since 1970.
    pub at_millis: u64,
    /// Whether it waits to be sent again.
    pub is_replaying: bool,
}

// === impl Operation ===

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Set => "SET",
            Self::Delete => "DEL",
        })
    }
}
