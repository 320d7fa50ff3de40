use std::sync::Arc;
use std::thread::JoinHandle;

use keywell_store::{Answer, Error, Failure, Result};
use parking_lot::{Mutex, RwLock};
use redb::{ReadTransaction, ReadableDatabase};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::directory::Directory;
use crate::error::{Fault, undamaged};
use crate::operation::{Operation, Outcome};
use crate::options::History;
use crate::queue::{Queue, closed};

/// What the readers, the writer and the watches of a store share.
#[derive(Debug)]
pub(crate) struct Core {
    /// Held for reading through each transaction; taken for writing only by the writer's thread,
    /// and only to put another database in its place.
    pub(crate) handle: RwLock<Handle>,
    pub(crate) directory: Directory,
    pub(crate) queue: Queue,
    /// The sequence number of the last durable write; none once the store is closed.
    pub(crate) progress: watch::Sender<Option<u64>>,
    pub(crate) history: History,
    pub(crate) clock: Clock,
    /// Tells this store from all others.
    pub(crate) store: u64,
}

/// The database, which is opened anew after an I/O error.
#[derive(Debug)]
pub(crate) enum Handle {
    /// Open. The generation tells it from the one before.
    Open(redb::Database, u64),
    /// It could not be opened again. It is tried with every operation.
    Broken(Failure),
    /// The store is closed.
    Closed,
}

/// A store that is open for as long as anybody has this: the store itself, a bucket, an answer on
/// its way, a watch.
#[derive(Debug)]
pub(crate) struct Open {
    core: Arc<Core>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

// === impl Core ===

impl Core {
    /// Reads at one instant. Never waits for writers.
    fn read<T>(&self, read: impl FnOnce(&ReadTransaction) -> Result<T, Fault>) -> Read<T> {
        match &*self.handle.read() {
            Handle::Open(database, generation) => {
                match undamaged(|| read(&database.begin_read()?)) {
                    Ok(value) => Read::Answer(Ok(value)),
                    Err(Fault::Answer(error)) => Read::Answer(Err(error)),
                    Err(Fault::Broken(failure)) => Read::Broken(*generation, failure),
                }
            }
            Handle::Broken(failure) => Read::Broken(0, failure.clone()),
            Handle::Closed => Read::Answer(Err(closed())),
        }
    }
}

enum Read<T> {
    Answer(Result<T>),
    /// The database of this generation has stopped working.
    Broken(u64, Failure),
}

// === impl Open ===

impl Open {
    pub(crate) fn new(core: Arc<Core>, writer: JoinHandle<()>) -> Self {
        Self {
            core,
            writer: Mutex::new(Some(writer)),
        }
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// Reads at once. Only where an I/O error broke the database is there anything to wait for:
    /// it is opened anew, and read once more.
    pub(crate) fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl Fn(&ReadTransaction) -> Result<T, Fault> + Send + 'static,
    ) -> Answer<T> {
        match self.core.read(&read) {
            Read::Answer(answer) => Answer::Now(answer),
            Read::Broken(generation, _) => {
                let open = self.clone();
                Answer::later(async move {
                    open.core.queue.submit(Operation::Mend(generation)).await?;
                    match open.core.read(read) {
                        Read::Answer(answer) => answer,
                        Read::Broken(_, failure) => Err(Error::Unavailable(failure)),
                    }
                })
            }
        }
    }

    /// Sends an operation to the writer and waits until what it did is durable.
    pub(crate) fn write<T: 'static>(
        self: &Arc<Self>,
        operation: Operation,
        read: fn(Outcome) -> Option<T>,
    ) -> Answer<T> {
        let open = self.clone();
        Answer::later(async move {
            let outcome = open.core.queue.submit(operation).await?;
            read(outcome).ok_or_else(|| {
                let what = "the writer answered another question";
                Error::Internal(Failure::new(what))
            })
        })
    }

    /// Lets no operation in any more, and waits until those that are in are done and the file is
    /// closed.
    pub(crate) fn close(self: &Arc<Self>) -> Answer<()> {
        let open = self.clone();
        Answer::later(async move {
            open.core.queue.close();
            let mut progress = open.core.progress.subscribe();
            // It fails only if there is nobody left to tell, and that is us.
            let _ = progress.wait_for(Option::is_none).await;
            Ok(())
        })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.core.queue.close();
        let Some(writer) = self.writer.get_mut().take() else {
            return;
        };
        // The last answer can be dropped by whoever it wakes, on the writer's own thread.
        if writer.thread().id() != std::thread::current().id() && writer.join().is_err() {
            tracing::error!("the thread that writes to the disk store panicked");
        }
    }
}
