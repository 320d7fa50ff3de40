use std::sync::Arc;

use bytes::Bytes;

use super::letter::Operation;

/// A change of a key that is to be delivered.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) key: Arc<str>,
    /// `None` where the key is gone.
    pub(super) value: Option<Bytes>,
}

/// A change on its way to the component.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) change: Change,
    /// Its place in its share, which is given away when all of them are through. Once the share is
    /// lost, it is another process's to try again.
    pub(super) ticket: Ticket,
    pub(super) source: JobSource,
    /// How many deliveries led to it.
    pub(super) hops: u32,
    /// How often it was tried.
    pub(super) attempts: u32,
    /// Set once it is given up: its place among the dead letters and the reason.
    pub(super) given_up: Option<GivenUp>,
}

/// Where a change comes from, and so what is to be done once it is through.
#[derive(Clone, Debug)]
pub(super) enum JobSource {
    /// From a watch: the position moves past it.
    Watch,
    /// From the dead letter of this id, which is removed.
    Replay(Arc<str>),
    /// From a reading of what is there after a gap: the position moves past the gap.
    Present,
}

/// The place of a change among those of its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) partition: u8,
    /// Which holding of the partition, of those of this process.
    pub(super) holding: u64,
    pub(super) number: u64,
}

#[derive(Clone, Debug)]
pub(super) struct GivenUp {
    pub(super) id: Arc<str>,
    pub(super) reason: String,
    pub(super) at_millis: u64,
    /// How often writing the letter failed.
    pub(super) failures: u32,
}

// === impl Change ===

impl Change {
    pub(super) fn operation(&self) -> Operation {
        match self.value {
            Some(_) => Operation::Set,
            None => Operation::Delete,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}

// === impl JobSource ===

impl JobSource {
    /// Whether what is not delivered before a stop is there again at the next start.
    pub(super) fn comes_again(&self, is_resumable: bool) -> bool {
        match self {
            Self::Replay(_) => true,
            Self::Watch | Self::Present => is_resumable,
        }
    }
}

// === impl Job ===

impl Job {
    pub(super) fn new(change: Change, ticket: Ticket, source: JobSource, hops: u32) -> Self {
        Self {
            change,
            ticket,
            source,
            hops,
            attempts: 0,
            given_up: None,
        }
    }
}
