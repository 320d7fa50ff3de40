//! Applies to the database what only the log holds, after a crash.

use std::collections::HashMap;
use std::sync::Arc;

use crate::OpenError;
use crate::database;
use crate::directory::Directory;
use crate::group::{self, Base, CommitError, Group};
use crate::history::History;
use crate::log::{Log, Scanned};
use crate::marks::Marks;
use crate::redo;

/// Makes durable, in one commit of the database, all that the log holds and the database does not;
/// and returns the log, empty.
///
/// What remains of a frame that was not completed never becomes one: its number is passed over.
pub(crate) fn replay(
    database: &redb::Database,
    scanned: Scanned,
    history: History,
) -> Result<Log, OpenError> {
    let Scanned {
        mut log,
        frames,
        highest,
    } = scanned;
    let (marks, buckets, commit) = database::marks(database)?;
    let missing: Vec<_> = frames
        .iter()
        .filter(|(number, _)| *number > commit)
        .collect();
    let last = missing.last().map_or(commit, |(number, _)| *number);
    let begins = missing.first().map_or(commit + 1, |(number, _)| *number);
    if begins != commit + 1 || highest > last + 1 {
        return Err(OpenError::damaged("the log: a part of it is missing"));
    }
    if highest > commit {
        let contents = missing.iter().map(|(_, content)| &content[..]);
        apply(database, contents, marks, buckets, highest, history)?;
        tracing::info!(frames = missing.len(), "replayed the log");
    }
    log.restart(commit.max(highest));
    Ok(log)
}

fn apply<'a>(
    database: &redb::Database,
    contents: impl Iterator<Item = &'a [u8]>,
    mut marks: Marks,
    buckets: HashMap<Arc<str>, u32>,
    commit: u64,
    history: History,
) -> Result<(), OpenError> {
    let directory = Directory::default();
    directory.replace(buckets);
    let writing = database.begin_write()?;
    for content in contents {
        let (now, effects) = redo::parse(content)
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
        let (settled, _) = group.settle(&writing, commit, Vec::new())?;
        directory.add(settled.buckets);
        marks = settled.marks;
    }
    database::record_commit(&writing, commit)?;
    group::commit_durably(writing).map_err(|error| match error {
        CommitError::NotBegun(fault)
        | CommitError::RolledBack(fault)
        | CommitError::Ambiguous(fault) => OpenError::from(fault),
    })
}
