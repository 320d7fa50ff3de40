use std::sync::Arc;

use bytes::Bytes;

use crate::watch::dead_letters::letter::Operation;

/// A change of a key that is to be delivered.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) key: Arc<str>,
    /// `None` where the key is gone.
    pub(crate) value: Option<Bytes>,
}

/// A change on its way to the component.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) change: Change,
    /// Its place in its share, which is given away when all of them are through. Once the share is
    /// lost, it is another process's to try again.
    pub(crate) ticket: Ticket,
    pub(crate) source: JobSource,
    /// How many deliveries led to it.
    pub(crate) hops: u32,
    /// How often it was tried.
    pub(crate) attempts: u32,
    /// Set once it is given up: its place among the dead letters and the reason.
    pub(crate) given_up: Option<GivenUp>,
}

/// Where a change comes from, and so what is to be done once it is through.
#[derive(Clone, Debug)]
pub(crate) enum JobSource {
    /// From a watch: the position moves past it.
    Watch,
    /// From the dead letter of this id, which is removed.
    Replay(Arc<str>),
    /// From a reading of what is there after a gap: the position moves past the gap.
    Present,
}

/// The place of a change among those of its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) partition: u8,
    /// Which holding of the partition, of those of this process.
    pub(crate) holding: u64,
    pub(crate) number: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct GivenUp {
    pub(crate) id: Arc<str>,
    pub(crate) reason: String,
    pub(crate) at_millis: u64,
    /// How often writing the letter failed.
    pub(crate) failures: u32,
}

// === impl Change ===

impl Change {
    pub(crate) fn operation(&self) -> Operation {
        match self.value {
            Some(_) => Operation::Set,
            None => Operation::Delete,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}

// === impl JobSource ===

impl JobSource {
    /// Whether what is not delivered before a stop is there again at the next start.
    pub(crate) fn comes_again(&self, is_resumable: bool) -> bool {
        match self {
            Self::Replay(_) => true,
            Self::Watch | Self::Present => is_resumable,
        }
    }
}

// === impl Job ===

impl Job {
    pub(crate) fn new(change: Change, ticket: Ticket, source: JobSource, hops: u32) -> Self {
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
