use super::dots::Dots;
use super::entry::Entry;
use super::origin::{Dot, Origin};
use super::seen::Seen;
use super::update::Update;

/// What replicas send each other.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) enum Message {
    /// A write.
    Update(Update),
    /// Several, in order.
    Updates(#[serde(with = "super::packed")] Vec<Update>),
    /// What the sender has, in short.
    Beacon {
        seen: u64,
        root: u64,
        /// Whether it answers one, so that it needs no answer.
        is_answer: bool,
    },
    /// Asks for entries with writes that the sender has not seen.
    Pull {
        /// From this write on.
        from: Dot,
        /// What the sender has seen, as far as the end at least.
        seen: Seen,
        /// Before this write, if one is given.
        end: Option<Dot>,
    },
    /// Some of them.
    Chunk {
        /// The first write that it is about.
        from: Dot,
        /// What the sender has seen, from there to the next at least.
        seen: Seen,
        /// All that it holds there of what the receiver has not seen.
        entries: Vec<Part>,
        /// Where the next chunk begins.
        next: Option<Dot>,
        /// How many writes the sender has taken so far.
        added: u64,
        /// What the sender holds, in short.
        root: u64,
    },
    /// The fingerprints of all ranges.
    Ranges(Vec<u64>),
    /// The fingerprints of the leaves in some ranges.
    Leaves(Vec<(u8, Vec<u64>)>),
    /// All writes that the sender holds in some leaves.
    Held { leaves: Vec<u16>, dots: Dots },
    /// Compares what the receiver holds in some leaves.
    Compared {
        /// The fingerprint of what the sender has seen.
        seen: u64,
        /// What of that the sender has seen and does not hold.
        gone: Dots,
        /// What the sender holds besides.
        others: Dots,
    },
    /// What the receiver holds and the sender has seen and does not hold.
    Gone {
        /// The fingerprint of what the sender has seen.
        seen: u64,
        dots: Dots,
    },
    /// Asks for [updates](Self::Updates) of keys: each has writes that the receiver has seen and does not
    /// hold.
    Ask(Vec<(String, Vec<Dot>)>),
}

/// What the sender of a chunk holds of a key.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Part {
    pub(crate) key: String,
    pub(crate) entry: Entry,
    /// Whether that is all.
    pub(crate) is_whole: bool,
}

/// What a replica asks of its driver.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    Broadcast(Message),
    Send(Origin, Message),
    /// The entry of a key is another one now, or gone.
    Applied(String),
    /// A node's clock is ahead of ours, by microseconds.
    ClockAhead(Origin, u64),
}

// === impl Message ===

impl Message {
    /// About how many bytes it has.
    pub(crate) fn bytes(&self) -> usize {
        let more = match self {
            Self::Update(update) => update.bytes(),
            Self::Updates(updates) => updates.iter().map(Update::bytes).sum(),
            Self::Beacon { .. } => 0,
            Self::Pull { seen, .. } => seen.bytes(),
            Self::Chunk { seen, entries, .. } => {
                seen.bytes() + entries.iter().map(Part::bytes).sum::<usize>()
            }
            Self::Ranges(ranges) => 10 * ranges.len(),
            Self::Leaves(ranges) => ranges.iter().map(|(_, leaves)| 10 * leaves.len()).sum(),
            Self::Held { leaves, dots } => 3 * leaves.len() + dots.bytes(),
            Self::Compared { gone, others, .. } => gone.bytes() + others.bytes(),
            Self::Gone { dots, .. } => dots.bytes(),
            Self::Ask(keys) => keys
                .iter()
                .map(|(key, dots)| key.len() + Dot::BYTES * dots.len())
                .sum(),
        };
        64 + more
    }
}

// === impl Part ===

impl Part {
    /// About how many bytes it has.
    pub(crate) fn bytes(&self) -> usize {
        self.key.len() + self.entry.bytes()
    }
}
