//! Applies to the database what only the log holds, after a crash or an error.

use std::collections::HashMap;
use std::sync::Arc;

use crate::OpenError;
use crate::directory::Directory;
use crate::group::{Base, Group};
use crate::history::History;
use crate::log::{Frame, Log, Scanned};
use crate::marks::{self, Marks};
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
    let (_, _, commit) = marks::read(database)?;
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
    let (marks, buckets, commit) = marks::read(database)?;
    let missing: Vec<&Frame> = scanned
        .frames
        .iter()
        .filter(|frame| frame.number > commit)
        .collect();
    let begins = missing.first().map_or(commit + 1, |frame| frame.number);
    let last = missing.last().map_or(commit, |frame| frame.number);
    if begins != commit + 1 || scanned.highest > last + 1 {
        return Err(OpenError::damaged("the log: a part of it is missing"));
    }
    if !missing.is_empty() {
        commit_frames(database, &missing, marks, buckets, history)?;
        tracing::info!(frames = missing.len(), "replayed the log");
    }
    Ok(missing.len())
}

fn commit_frames(
    database: &redb::Database,
    frames: &[&Frame],
    mut marks: Marks,
    buckets: HashMap<Arc<str>, u32>,
    history: History,
) -> Result<(), OpenError> {
    let directory = Directory::default();
    directory.replace(buckets);
    let mut writing = database.begin_write()?;
    for frame in frames {
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
    }
    // It fails only after changes of savepoints, which are not used.
    let _ = writing.set_durability(redb::Durability::None);
    Ok(writing.commit()?)
}
