use std::fmt;

use crate::time::Time;

/// What a journal answers, or why it does not.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a journal did not do what it was asked.
///
/// Cloning is cheap: what stops a worker is reported to every call of it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text that is no name of a worker.
    #[error("{0:?} is no name of a worker: 1 to 100 letters, digits, `-`, `_` and `.`")]
    Name(String),

    /// The store cannot keep journals.
    #[error("this store cannot keep journals, because it lacks {0}; name another store")]
    Unfit(&'static str),

    /// There is no worker of this name.
    #[error("there is no worker named {0}")]
    NoSuchWorker(String),

    /// There is a worker of this name already.
    #[error("there is a worker named {0} already")]
    Exists(String),

    /// Another process runs the worker. It can be taken over after that time.
    #[error("worker {worker} is run by {holder}; wait until its lease ends, or stop it there")]
    Held {
        /// The worker.
        worker: String,
        /// The process that runs it.
        holder: String,
        /// When its lease ends.
        until: Time,
    },

    /// Another process took the worker over: this one must discard its instance.
    #[error("worker {worker} was taken over by {holder}; nothing was written")]
    Fenced {
        /// The worker.
        worker: String,
        /// The process that has it.
        holder: String,
    },

    /// The worker waits for an operator, and runs nothing until then.
    #[error("worker {worker} is stopped: {why}")]
    Stopped {
        /// The worker.
        worker: String,
        /// Why, and what to do.
        why: String,
    },

    /// A call of the component differs from the recorded one.
    #[error("{0}")]
    Diverged(Divergence),

    /// An interrupted effect that may or may not have happened.
    #[error(
        "worker {worker} is stopped: {what} at record {position} was interrupted, and may have \
         happened; look, and run `keywell worker resolve {worker} applied|not-applied|retry`"
    )]
    Ambiguous {
        /// The worker.
        worker: String,
        /// The recorded position of the intent.
        position: u64,
        /// The call.
        what: String,
    },

    /// A key that was used with other arguments.
    #[error("the idempotency key was used for another call or with other arguments")]
    Conflict,

    /// The journal is past what may be replayed.
    #[error("the journal of {worker} has {records} records since its snapshot, more than {max}")]
    TooLong {
        /// The worker.
        worker: String,
        /// The records.
        records: u64,
        /// The limit.
        max: u64,
    },

    /// A record past the largest one.
    #[error("a record of {bytes} bytes is more than the {max} that a journal holds")]
    RecordTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },

    /// A place in the journal that does not serve, such as one before the last snapshot.
    #[error("the journal of {worker} {why}")]
    Place {
        /// The worker.
        worker: String,
        /// Why.
        why: String,
    },

    /// What the store holds is not what was written. Nothing was overwritten.
    #[error("the journal of {worker} is corrupt: {place} {why}")]
    Corrupt {
        /// The worker.
        worker: String,
        /// The head or the chunk.
        place: String,
        /// What is wrong with it.
        why: &'static str,
    },

    /// An earlier failure left the journal of this process behind the store: claim it again.
    #[error("an earlier append of worker {0} failed; claim it again")]
    Broken(String),

    /// A component calls while it saves or loads its state.
    #[error("{0} is refused while the component saves or loads its state")]
    Quiet(String),

    /// A replay without effects has come to the end of the journal.
    #[error("the recorded part ended, and effects are refused here")]
    Ended,

    /// A replay without effects was asked for what is not recorded.
    #[error(
        "worker {worker} asked for {asked}, which is not recorded; a replay in memory reads, writes \
         and sends nothing new"
    )]
    Refused {
        /// The worker.
        worker: String,
        /// The call.
        asked: String,
    },

    /// The store of the journal failed.
    #[error("the journal's store: {0}")]
    Store(#[from] keywell_store::Error),
}

/// Where a component left the path that the journal records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The worker.
    pub worker: String,
    /// The position of the record.
    pub position: u64,
    /// What the journal has there.
    pub recorded: String,
    /// What the component asked for.
    pub asked: String,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            worker,
            position,
            recorded,
            asked,
        } = self;
        write!(
            f,
            "worker {worker} diverged at record {position}: recorded is {recorded}, asked was {asked}"
        )?;
        if recorded == asked {
            f.write_str(", and they differ past what is shown")?;
        }
        Ok(())
    }
}

impl Error {
    /// Whether the worker stops until an operator decides, rather than being started again.
    pub fn stops(&self) -> bool {
        matches!(
            self,
            Self::Diverged(_)
                | Self::Ambiguous { .. }
                | Self::Corrupt { .. }
                | Self::Stopped { .. }
        )
    }
}
