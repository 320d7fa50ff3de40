//! Applies to the database what only the log holds, after a crash or an error.

use crate::OpenError;
use crate::directory::Directory;
use crate::group::{Base, Group};
use crate::history::History;
use crate::log::{Frame, Log, Scanned};
use crate::marks::{self, Stored};
use crate::redo;

/// Applies to the database what the log holds and the database does not, and returns the log.
///
/// The commit is not durable, as those that it repeats were not: on a full disk there may be no room
/// for the pages. The frames stay in the log, which goes on after them.
pub(crate) fn replay(
    database: &redb::Database,
    scanned: Scanned,
    history: History,
) -> Result<Log, OpenError> {
    let commit = marks::read(database)?.commit;
    if apply(database, &scanned, history)? == 0 && scanned.highest <= commit {
        let mut log = scanned.log;
        log.restart(commit);
        return Ok(log);
    }
    let mut log = scanned.resume()?;
    log.advance(commit);
    Ok(log)
}

/// Applies the frames that the database lacks, and returns how many those are.
pub(crate) fn apply(
    database: &redb::Database,
    scanned: &Scanned,
    history: History,
) -> Result<usize, OpenError> {
    let last = redo(database, &scanned.frames, history)?;
    if scanned.highest > last.commit + 1 {
        return Err(missing());
    }
    if last.applied > 0 {
        tracing::info!(frames = last.applied, "replayed the log");
    }
    Ok(last.applied)
}

/// What was applied.
pub(crate) struct Redone {
    applied: usize,
    /// The number of the last commit.
    commit: u64,
}

/// Applies those frames that the database lacks, in a commit that is not durable.
pub(crate) fn redo(
    database: &redb::Database,
    frames: &[Frame],
    history: History,
) -> Result<Redone, OpenError> {
    let Stored {
        mut marks,
        buckets,
        mut commit,
    } = marks::read(database)?;
    let from = frames.partition_point(|frame| frame.number <= commit);
    let frames = &frames[from..];
    if frames.is_empty() {
        return Ok(Redone { applied: 0, commit });
    }
    let directory = Directory::default();
    directory.replace(buckets);
    let mut writing = database.begin_write()?;
    for frame in frames {
        if frame.number != commit + 1 {
            return Err(missing());
        }
        let (now, effects) = redo::parse(&frame.content)
            .ok_or_else(|| OpenError::damaged("the log: a frame is malformed"))?;
        let base = Base {
            marks: &marks,
            directory: &directory,
            history,
            is_live_watched: false,
            now,
        };
        let mut group = Group::begin(&writing, &base, 0)?;
        group.redo(&effects)?;
        let (settled, _) = group.settle(&writing, frame.number, Vec::new())?;
        directory.add(settled.buckets);
        marks = settled.marks;
        commit = frame.number;
    }
    // It fails only after changes of savepoints, which are not used.
    let _ = writing.set_durability(redb::Durability::None);
    writing.commit()?;
    Ok(Redone {
        applied: frames.len(),
        commit,
    })
}

/// Makes all commits durable.
pub(crate) fn make_durable(database: &redb::Database) -> Result<(), OpenError> {
    let mut writing = database.begin_write()?;
    writing.set_quick_repair(true);
    Ok(writing.commit()?)
}

fn missing() -> OpenError {
    OpenError::damaged("the log: a part of it is missing")
}
