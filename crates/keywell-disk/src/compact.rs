//! Gives the space of deleted entries back to the file system, while the store is in use.
//!
//! The store is copied into a new file, as it is at one instant. Meanwhile the writer records the
//! groups that it commits. They are applied to the copy in rounds, until few are left. Then the writer
//! applies these, and replaces the file: that is the only pause.

use std::sync::Arc;
use std::thread;

use keywell_store::{Error, Failure, Result};
use redb::ReadTransaction;
use tokio::sync::oneshot;

use crate::copying::copy_all;
use crate::error::undamaged;
use crate::folder::Place;
use crate::history::History;
use crate::log::Frame;
use crate::open::Open;
use crate::operation::WriterOperation;
use crate::recording::Recording;
use crate::task::{Between, Task};
use crate::{OpenError, Options, replay};

/// How often the groups that were committed meanwhile are applied before the pause.
const ROUNDS: usize = 30;

/// The most groups that the pause applies.
const LAST_GROUPS: usize = 100;

/// The most bytes of them.
const LAST_BYTES: usize = 1024 * 1024;

/// A copy of the database in a new file, which is removed unless it replaces the file of the store.
struct Copy {
    database: Option<redb::Database>,
    place: Arc<Place>,
    history: History,
    recording: Arc<Recording>,
}

/// Compacts a store in a folder.
pub(crate) async fn compact(open: Arc<Open>) -> Result<()> {
    let core = open.core();
    let Some(place) = core.place.clone() else {
        return Err(Error::Unsupported("compacting, without a folder"));
    };
    let (history, log_bytes) = (core.history, core.log_bytes);
    let (recording, snapshot) = on_writer(&open, |writer| writer.record()).await??;
    let mut copy = Copy {
        database: None,
        place,
        history,
        recording: recording.clone(),
    };
    copy = on_thread(move || copy.fill(&snapshot, log_bytes)).await?;
    for _ in 0..ROUNDS {
        let frames = recording.take().ok_or_else(interrupted)?;
        let bytes: usize = frames.iter().map(|frame| frame.content.len()).sum();
        let is_last = frames.len() <= LAST_GROUPS && bytes <= LAST_BYTES;
        copy = on_thread(move || copy.apply(&frames)).await?;
        if is_last {
            return on_writer(&open, move |writer| copy.replace(writer)).await?;
        }
    }
    let what = "more was written than could be copied, and nothing changed; compact when there are \
                fewer writes";
    Err(Error::Unavailable(what.into()))
}

/// Runs on the thread of the writer, between two groups.
async fn on_writer<T: Send + 'static>(
    open: &Open,
    run: impl FnOnce(&mut dyn Between) -> T + Send + 'static,
) -> Result<T> {
    let (answer, value) = oneshot::channel();
    let task = Task::new(move |writer| drop(answer.send(run(writer))));
    open.core().queue.submit(WriterOperation::Run(task)).await?;
    value.await.map_err(|_| interrupted())
}

/// Runs what waits for the disk on a thread of its own.
pub(crate) async fn on_thread<T: Send + 'static>(
    run: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (answer, value) = oneshot::channel();
    let thread = thread::Builder::new().name("keywell-copy".to_owned());
    let started = thread.spawn(move || drop(answer.send(run())));
    if let Err(error) = started {
        return Err(Error::Unavailable(Failure::caused_by(
            "starting a thread",
            error,
        )));
    }
    let ended = || Error::Internal(Failure::new("the thread that copies the store panicked"));
    value.await.unwrap_or_else(|_| Err(ended()))
}

fn interrupted() -> Error {
    let what =
        "a write failed meanwhile, or too much was written, and nothing changed; compact again";
    Error::Unavailable(what.into())
}

// === impl Copy ===

impl Copy {
    fn fill(mut self, snapshot: &ReadTransaction, log_bytes: usize) -> Result<Self> {
        let options = Options::default().log_bytes(log_bytes);
        let database = self.database.insert(self.place.create(&options)?);
        undamaged(|| copy_all(snapshot, database))?;
        Ok(self)
    }

    fn database(&self) -> Result<&redb::Database, OpenError> {
        let database = self.database.as_ref();
        database.ok_or_else(|| OpenError::damaged("the copy"))
    }

    fn apply(self, frames: &[Frame]) -> Result<Self> {
        undamaged(|| replay::redo(self.database()?, frames, self.history))?;
        Ok(self)
    }

    /// Puts the copy in the place of the file, on the thread of the writer.
    fn replace(mut self, writer: &mut dyn Between) -> Result<()> {
        let frames = self.recording.take().ok_or_else(interrupted)?;
        self = self.apply(&frames)?;
        undamaged(|| replay::make_durable(self.database()?))?;
        // Closes the file.
        self.database = None;
        writer.replace_file(&mut || self.place.replace())
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        self.database = None;
        self.place.discard();
    }
}
