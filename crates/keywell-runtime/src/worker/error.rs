use crate::invoke::CallError;

/// Why a worker has no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// All instances are in use, and too many calls wait for one, or have waited for long. The
    /// invocation was not accepted.
    #[error("no instance is free")]
    Busy,
    /// The invocation failed: the function trapped, ended its instance, or ran into a limit. Its effects
    /// stay, and the variables of the worker are as before it.
    #[error("{function} failed: {reason}")]
    Failed {
        /// The function.
        function: String,
        /// The reason, which shows nothing of the host.
        reason: String,
    },
    /// The instance cannot be made again now.
    #[error("worker {worker} cannot be replayed now: {reason}")]
    Unready {
        /// The worker.
        worker: String,
        /// The reason, and what to do.
        reason: String,
    },
    /// The component does not load the snapshot that it goes on from. Nothing has run.
    #[error("worker {worker} cannot load its snapshot: {reason}")]
    Unloadable {
        /// The worker.
        worker: String,
        /// What the component answered, or how it failed.
        reason: String,
    },
    /// The worker was made of another component.
    #[error(
        "worker {worker} runs the component {recorded}, and this one is {given}; call it with that \
         component, or take another name"
    )]
    OtherComponent {
        /// The worker.
        worker: String,
        /// The digest of its component.
        recorded: String,
        /// The digest of the component that was to run.
        given: String,
    },
    /// A recorded invocation cannot be made of this component.
    #[error("worker {worker} cannot be replayed from record {position} on: {problem}")]
    Unfit {
        /// The worker.
        worker: String,
        /// The position of the invocation.
        position: u64,
        /// What is wrong with the recorded call.
        problem: String,
    },
    /// Its journal.
    #[error(transparent)]
    Journal(#[from] keywell_journal::Error),
}

// === impl WorkerError ===

impl WorkerError {
    pub(super) fn unfit(
        worker: &keywell_journal::WorkerName,
        position: u64,
        error: &CallError,
    ) -> Self {
        Self::Unfit {
            worker: worker.to_string(),
            position,
            problem: error.to_string(),
        }
    }
}
