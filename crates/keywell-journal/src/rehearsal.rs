//! Replays in memory: nothing is claimed, appended, written or sent.

use crate::boundary::Boundary;
use crate::core::Core;
use crate::error::{Error, Result};
use crate::head::Head;
use crate::journals::Journals;
use crate::name::WorkerName;
use crate::session::Session;
use crate::shared::Clock;
use crate::survey::Survey;

/// Sessions that have no effects. What is not recorded is refused, and ends them with
/// [`Error::Refused`].
impl Session {
    /// Replays the first records of a worker without a claim and without effects. It shows whether
    /// another component does the same. An invocation that has neither a call nor an end among these
    /// records is not given by [`next`](Self::next).
    pub async fn rehearse(
        journals: &Journals,
        worker: &WorkerName,
        until: u64,
        clock: Clock,
    ) -> Result<Self> {
        let head = journals.head(worker).await?;
        Self::replay(journals, worker, head, until, clock).await
    }

    /// As [`rehearse`](Self::rehearse), up to the last end of an invocation that is not behind the
    /// record at a position. It shows the component as it was then.
    ///
    /// # Errors
    ///
    /// [`Error::Place`] for a position before the last snapshot or past the end.
    pub async fn past(
        journals: &Journals,
        worker: &WorkerName,
        position: u64,
        clock: Clock,
    ) -> Result<Self> {
        let head = journals.head(worker).await?;
        let cursor = journals.read(worker, &head);
        let boundary = Boundary::find(cursor, worker, &head, position).await?;
        Self::replay(journals, worker, head, boundary.records, clock).await
    }

    async fn replay(
        journals: &Journals,
        worker: &WorkerName,
        head: Head,
        until: u64,
        clock: Clock,
    ) -> Result<Self> {
        let survey = Survey::read(journals.read(worker, &head), &head, until).await?;
        let cursor = journals.read(worker, &head);
        let identity = head.identity;
        let mut core = Core::new(worker.clone(), None, (head, until), cursor).await?;
        core.failed = survey.failed;
        Ok(Self::of(core, identity, clock))
    }

    /// Begins an invocation that is recorded nowhere, at the end of a rehearsal. Its variables,
    /// clocks and random numbers are all that it can ask.
    ///
    /// # Errors
    ///
    /// [`Error::Place`] where records are left to replay, and in a session that is no rehearsal.
    pub async fn ask(&self) -> Result<()> {
        let shared = self.shared();
        let mut core = shared.core().await?;
        let peeked = core.peek().await.map(|peeked| peeked.is_some());
        let is_replaying = shared.settle(&mut core, peeked).await?;
        if is_replaying || core.running.is_some() || core.writer.is_some() {
            return Err(Error::Place {
                worker: shared.worker.to_string(),
                why: "is asked at the end of a rehearsal alone".to_owned(),
            });
        }
        let (head, until) = &core.end;
        shared.begin(head.position.min(*until), core.created.seed);
        Ok(())
    }
}
