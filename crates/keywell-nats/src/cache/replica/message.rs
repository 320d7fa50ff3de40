use super::entry::Entry;
use super::origin::{Dot, Origin};
use super::seen::Seen;

/// What replicas send each other.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) enum Message {
    /// A write.
    Change(Change),
    /// Several, in order.
    Changes(Vec<Change>),
    /// What the sender has, in short.
    Beacon {
        seen: u64,
        root: u64,
        /// Whether it answers one, so that it needs no answer.
        is_answer: bool,
    },
    /// Asks for the entries with writes that are not in `seen`, from one on.
    Pull { number: u64, seen: Seen, from: Dot },
    /// Some of them.
    Chunk {
        /// What the sender has seen.
        seen: Seen,
        /// The pull that it answers, and from which write on.
        number: u64,
        from: Dot,
        entries: Vec<(String, Entry)>,
        /// Where the next chunk begins.
        next: Option<Dot>,
    },
    /// The fingerprints of all ranges.
    Ranges(Vec<u64>),
    /// The fingerprints of the leaves in some ranges.
    Leaves(Vec<(u8, Vec<u64>)>),
    /// The keys in some leaves, with their fingerprints.
    Keys(Vec<(u16, Vec<(String, u64)>)>),
    /// What the sender holds of some keys.
    Entries {
        seen: Seen,
        entries: Vec<(String, Option<Entry>)>,
        /// Whether the sender asks for what the receiver holds of them then.
        asks: bool,
    },
}

/// A write, as it is sent to all.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Change {
    pub(crate) key: String,
    /// What of the entry is new; none where it was deleted.
    pub(crate) entry: Option<Entry>,
    /// The writes that it replaces.
    pub(crate) replaced: Vec<Dot>,
    /// The write of the value that it adds to. Where that has not been seen, the change says nothing.
    pub(crate) adds_to: Option<Dot>,
}

/// What a replica asks of its driver.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    Broadcast(Message),
    Send(Origin, Message),
    /// The entry of a key is another one now, or gone.
    Changed(String),
    /// A node's clock is ahead of ours, by microseconds.
    ClockAhead(Origin, u64),
}
