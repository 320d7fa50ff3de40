use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::head::Head;
use crate::name::WorkerName;
use crate::record::Record;
use crate::time::Time;

/// A place in a journal at which no invocation runs, so that variables alone say how its worker goes
/// on.
#[derive(Debug)]
pub(crate) struct Boundary {
    /// How many records are before it, with those that were trimmed.
    pub(crate) records: u64,
    /// The digest of the component there.
    pub(crate) digest: String,
    /// When the last record before it was made.
    pub(crate) at: Time,
}

// === impl Boundary ===

impl Boundary {
    /// The last one among the records up to a position, that record included.
    ///
    /// # Errors
    ///
    /// [`Error::Place`] for a position that the journal does not have.
    pub(crate) async fn find(
        mut cursor: Cursor,
        worker: &WorkerName,
        head: &Head,
        position: u64,
    ) -> Result<Self> {
        let (first, end) = (head.base.position, head.position);
        if !(first..end).contains(&position) {
            let last = end.saturating_sub(1);
            return Err(Error::Place {
                worker: worker.to_string(),
                why: format!("has no record {position}; it has {first} to {last}"),
            });
        }
        let mut found = Self {
            records: first,
            digest: String::new(),
            at: Time::default(),
        };
        let (mut digest, mut is_running) = (String::new(), false);
        while let Some((at, event)) = cursor.next(head).await?
            && at <= position
        {
            match &event.record {
                Record::Created(created) => digest.clone_from(&created.digest),
                Record::Snapshot(snapshot) => digest.clone_from(&snapshot.created.digest),
                Record::Upgraded { digest: next } => digest.clone_from(next),
                Record::Returned { .. } | Record::Failed { .. } => is_running = false,
                Record::Forked { .. } => {}
                // One that is accepted may not have begun, and runs behind the boundary.
                Record::Invoked(_) => continue,
                Record::Answered { .. }
                | Record::Intended { .. }
                | Record::Settled { .. }
                | Record::Woke { .. }
                | Record::Resolved { .. } => is_running = true,
            }
            if !is_running {
                found.records = at + 1;
                found.digest.clone_from(&digest);
                found.at = event.at;
            }
        }
        Ok(found)
    }
}
