//! The head of a worker: the one key of its journal that changes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::chunk::Chain;
use crate::seal;
use crate::time::Time;

/// Where a worker is. Swapping it is the only way to append to the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// What distinguishes the worker from an earlier one of its name.
    pub identity: [u8; 16],
    /// How many records there are, with those that were trimmed.
    pub position: u64,
    /// The digest of its component.
    pub digest: String,
    /// Whether it can run.
    pub status: Status,
    /// When it wants to be woken.
    pub wake: Option<Time>,
    /// The process that runs it, or ran it last.
    pub holder: String,
    /// Until when no other process takes it over.
    pub lease: Time,
    /// How often it was claimed.
    pub epoch: u64,
    /// The number of the next chunk, and the chain hash of the last.
    pub(crate) next: u64,
    pub(crate) chain: Chain,
    /// Where replay begins.
    pub(crate) base: Base,
    /// No chunk with a lower number is left.
    pub(crate) lowest: u64,
}

/// Where replay begins: at the first chunk or that of a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Base {
    pub(crate) chunk: u64,
    pub(crate) position: u64,
    /// That of the chunk before.
    pub(crate) chain: Chain,
}

/// Whether a worker can run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It waits for invocations.
    Idle,
    /// It has invocations that have not ended.
    Running,
    /// An operator paused it.
    Paused,
    /// An effect was interrupted, and an operator decides what became of it.
    Ambiguous {
        /// The position of its intent.
        position: u64,
        /// The error, for people.
        why: String,
    },
    /// It does not go on as recorded, or its journal is corrupt.
    Stopped {
        /// The error, for people.
        why: String,
    },
}

// === impl Head ===

impl Head {
    const KIND: [u8; 3] = *b"KWH";

    pub(crate) fn encode(&self) -> Bytes {
        seal::seal(Self::KIND, self)
    }

    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        seal::open(Self::KIND, bytes)
    }
}
