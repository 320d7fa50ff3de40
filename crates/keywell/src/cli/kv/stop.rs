use crate::cli::failed::Failed;

/// Why a command ends before it is done.
#[derive(Debug)]
pub(in crate::cli) enum Stop {
    /// Its output is closed, as in `keywell kv list | head -1`. That is no failure.
    Unread,
    /// It failed.
    Failed(Failed),
}

// === impl Stop ===

impl Stop {
    pub(in crate::cli) fn failure(what: impl Into<String>) -> Self {
        Self::Failed(Failed::Failure(what.into()))
    }
}

impl From<Failed> for Stop {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

impl From<keywell_state::Error> for Stop {
    fn from(error: keywell_state::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<keywell_store::Error> for Stop {
    fn from(error: keywell_store::Error) -> Self {
        Self::Failed(error.into())
    }
}
