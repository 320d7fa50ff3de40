use bytes::Bytes;
use keywell_store::{BucketName, Expected, Result, Swap, Transacted, Version};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::planned::{EACH, Planned};
use crate::task::Task;

/// An operation of the writer.
#[derive(Debug)]
pub(crate) enum WriterOperation {
    /// Change a bucket.
    Write(BucketName, Write),
    /// Change keys of several buckets if all checks hold.
    Transact(Planned),
    /// Commit, even if there is nothing to commit.
    Probe,
    /// Open the database again if it still has this generation: a reader found it broken.
    Mend(u64),
    /// Run a task once the others of its group are done.
    Run(Task),
}

/// A change of a bucket. Times to live are in milliseconds.
#[derive(Debug)]
pub(crate) enum Write {
    Set(String, Bytes, Option<u64>),
    Delete(String),
    SwapSet(String, Expected, Bytes, Option<u64>),
    SwapDelete(String, Expected),
    /// Adds to a counter. The time to live is that of a key that it creates.
    Increment(String, i64, Option<u64>),
    SetMany(Vec<(String, Bytes)>),
    DeleteMany(Vec<String>),
}

/// The result of an operation.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Done,
    Written(Version),
    Swapped(Swap),
    Counted(i64),
    Transacted(Transacted),
}

/// A queued operation, and the channel for its outcome.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) operation: WriterOperation,
    pub(crate) answer: oneshot::Sender<Result<Outcome>>,
    /// The space it takes in the queue, until it is answered.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

// === impl WriterOperation ===

impl WriterOperation {
    /// The approximate memory it takes until it is answered.
    pub(crate) fn bytes(&self) -> usize {
        const OVERHEAD: usize = 256;
        OVERHEAD
            + match self {
                Self::Write(_, write) => write.bytes(),
                Self::Transact(planned) => planned.bytes(),
                Self::Probe | Self::Mend(_) | Self::Run(_) => 0,
            }
    }
}

// === impl Write ===

impl Write {
    fn bytes(&self) -> usize {
        match self {
            Self::Set(key, value, _) | Self::SwapSet(key, _, value, _) => key.len() + value.len(),
            Self::Delete(key) | Self::SwapDelete(key, _) | Self::Increment(key, ..) => key.len(),
            Self::SetMany(entries) => entries
                .iter()
                .map(|(key, value)| EACH + key.len() + value.len())
                .sum(),
            Self::DeleteMany(keys) => keys.iter().map(|key| EACH + key.len()).sum(),
        }
    }
}

// === impl Request ===

impl Request {
    /// The operation, and a request that is left to answer.
    pub(crate) fn split(self) -> (WriterOperation, Self) {
        let rest = Self {
            operation: WriterOperation::Probe,
            ..self
        };
        (self.operation, rest)
    }

    /// Sends the outcome to the caller, unless it dropped its answer.
    pub(crate) fn answer(self, outcome: Result<Outcome>) {
        let _ = self.answer.send(outcome);
        drop(self.room);
    }
}
