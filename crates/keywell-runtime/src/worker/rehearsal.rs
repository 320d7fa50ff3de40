use keywell_journal::{Error as JournalError, Session, WorkerName};
use wasmtime::component::Val;

use super::error::WorkerError;
use super::kind::Kind;
use super::live::Live;
use crate::invoke::Function;

/// Replays of the workers of a component in memory. They have no effect: no worker is claimed,
/// nothing is recorded, and what is not recorded is neither read, written nor sent. So they work while
/// another process runs the worker. [`Workers::rehearsals`](super::Workers::rehearsals) makes them.
pub struct Rehearsals<'a> {
    kind: &'a Kind,
}

// === impl Rehearsals ===

impl<'a> Rehearsals<'a> {
    pub(super) fn new(kind: &'a Kind) -> Self {
        Self { kind }
    }

    /// What names the component in journals.
    pub fn digest(&self) -> &str {
        &self.kind.digest
    }

    /// Calls a function of a worker as it was at a record of its journal: with the variables that the
    /// last invocation left which had ended there.
    ///
    /// # Errors
    ///
    /// [`WorkerError::Journal`] for a position that the journal does not have, for a call that asks for
    /// more than variables, clocks and random numbers, and where the component diverges.
    pub async fn ask(
        &self,
        worker: &WorkerName,
        position: u64,
        function: &Function,
        arguments: &[Val],
    ) -> Result<Vec<Val>, WorkerError> {
        let clock = self.kind.clock.clone();
        let session = Session::past(&self.kind.journals, worker, position, clock).await?;
        let _place = self.kind.instances.room().enter_at_length().await;
        let mut live = Live::make(self.kind, worker, session).await?;
        live.run(self.kind, |_, _| false).await?;
        live.ask(function, arguments).await
    }

    /// Replays all of a worker, which may have been made of another component. Answers how many
    /// records it has.
    ///
    /// # Errors
    ///
    /// [`WorkerError::Journal`] with the [divergence](JournalError::Diverged), if there is one;
    /// [`WorkerError::Unfit`] for a function that the component does not have.
    pub async fn rehearse(&self, worker: &WorkerName) -> Result<u64, WorkerError> {
        let clock = self.kind.clock.clone();
        let session = Session::rehearse(&self.kind.journals, worker, u64::MAX, clock).await?;
        let records = session.head().await?.position;
        let _place = self.kind.instances.room().enter_at_length().await;
        let mut live = Live::make(self.kind, worker, session).await?;
        match live.run(self.kind, |_, _| false).await {
            // An invocation that had not ended came to the end of what is recorded of it.
            Ok(())
            | Err(WorkerError::Journal(JournalError::Refused { .. } | JournalError::Ended)) => {
                Ok(records)
            }
            Err(error) => Err(error),
        }
    }
}
