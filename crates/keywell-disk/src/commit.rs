//! Commits a group of operations, by the log or by the database alone.

use redb::WriteTransaction;

use crate::error::Fault;
use crate::group::{Base, Group, Settled};
use crate::log::{Appended, Log};
use crate::operation::{Request, WriterOperation};
use crate::recording::Recording;

/// Why a transaction failed.
#[derive(Debug)]
pub(crate) enum CommitError {
    /// It did not begin.
    NotBegun(Fault),
    /// It was rolled back, so nothing was committed.
    RolledBack(Fault),
    /// The commit failed, but may have taken effect.
    Ambiguous(Fault),
}

impl From<redb::CommitError> for CommitError {
    /// The error of a commit that is in the log already.
    fn from(error: redb::CommitError) -> Self {
        Self::Ambiguous(error.into())
    }
}

impl From<redb::StorageError> for CommitError {
    /// An error at an unknown point of the transaction.
    fn from(error: redb::StorageError) -> Self {
        Self::Ambiguous(error.into())
    }
}

/// Runs operations as one transaction, and does not return before it is durable.
///
/// The transaction is durable once its effects are in the log. If they do not fit, its commit is
/// durable itself, and the log begins again. What is committed is also recorded.
pub(crate) fn run(
    database: &redb::Database,
    log: &mut Log,
    base: &Base<'_>,
    requests: &[Request],
    recording: Option<&Recording>,
) -> Result<Settled, CommitError> {
    let mut writing = database
        .begin_write()
        .map_err(|error| CommitError::NotBegun(error.into()))?;
    let room = recording.map_or(log.room(), |_| usize::MAX);
    let mut group = Group::begin(&writing, base, room).map_err(CommitError::RolledBack)?;
    let outcomes = group.serve(requests).map_err(CommitError::RolledBack)?;
    let is_probe = |request: &Request| matches!(request.operation, WriterOperation::Probe);
    if requests.iter().any(is_probe) {
        group.mark_changed();
    }
    let has_changed = group.has_changed();
    let (settled, redo) = group
        .settle(&writing, log.next(), outcomes)
        .map_err(CommitError::RolledBack)?;
    if !has_changed {
        writing
            .abort()
            .map_err(|error| CommitError::RolledBack(error.into()))?;
        return Ok(settled);
    }
    let appended = match redo.content() {
        Some(content) => log.append(content).map_err(redb::StorageError::Io)?,
        None => Appended::Full,
    };
    if appended == Appended::Synced {
        writing
            .set_durability(redb::Durability::None)
            .map_err(|error| CommitError::Ambiguous(Fault::internal(error)))?;
        writing.commit()?;
    } else {
        commit_durably(writing)?;
        log.restart(log.next());
    }
    if let (Some(recording), Some(content)) = (recording, redo.content()) {
        recording.push(log.last(), content);
    }
    Ok(settled)
}

/// Commits, so that opening after a crash needs no scan of the whole file. That takes a second sync.
fn commit_durably(mut writing: WriteTransaction) -> Result<(), CommitError> {
    writing.set_quick_repair(true);
    match writing.commit() {
        Ok(()) => Ok(()),
        Err(error @ redb::CommitError::TransactionPoisoned) => {
            Err(CommitError::RolledBack(error.into()))
        }
        Err(error) => Err(CommitError::Ambiguous(error.into())),
    }
}
