use std::sync::Arc;
use std::thread::JoinHandle;

use keywell_store::{Answer, Error, Failure, Result, StoreId};
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::directory::Directory;
use crate::error::{Fault, undamaged};
use crate::folder::Place;
use crate::history::History;
use crate::live::Live;
use crate::operation::{Outcome, WriterOperation};
use crate::queue::{Queue, closed};
use crate::snapshot::{Latest, Snapshot};

/// The state that the readers, the writer and the watches of a store share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) id: StoreId,
    /// Locked for reading during each transaction. Only the writer thread locks it for writing, to
    /// replace the database.
    pub(crate) handle: RwLock<Handle>,
    /// What readers read, under that lock.
    pub(crate) latest: Latest,
    pub(crate) directory: Directory,
    pub(crate) queue: Queue,
    /// The sequence number of the last durable write in a bucket that keeps history; `None` once the store is closed.
    pub(crate) progress: watch::Sender<Option<u64>>,
    pub(crate) history: History,
    pub(crate) live: Live,
    pub(crate) clock: Clock,
    /// The random number of this store: see [`META_STORE`](crate::tables::META_STORE).
    pub(crate) store: u64,
    /// The folder, of a store in one.
    pub(crate) place: Option<Arc<Place>>,
    /// The length of the log of a file that replaces this one.
    pub(crate) log_bytes: usize,
}

/// The database, which is opened again after an I/O error.
#[derive(Debug)]
pub(crate) enum Handle {
    /// Open. The generation counts how often it was opened.
    Open(redb::Database, u64),
    /// It could not be opened again, with this error. Every operation retries.
    Broken(Error),
    /// The store is closed.
    Closed,
}

/// An open store. It is shared by the store, its buckets, pending answers and watches, and closes with
/// the last of them.
#[derive(Debug)]
pub(crate) struct Open {
    core: Arc<Core>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

// === impl Core ===

impl Core {
    /// Reads at one instant. Never waits for writers.
    fn read<T>(&self, read: impl FnOnce(&Snapshot) -> Result<T, Fault>) -> Read<T> {
        match &*self.handle.read() {
            Handle::Open(database, generation) => {
                match undamaged(|| read(&*self.latest.get(database)?)) {
                    Ok(value) => Read::Answer(Ok(value)),
                    Err(Fault::Answer(error)) => Read::Answer(Err(error)),
                    Err(Fault::Broken(failure)) => {
                        Read::Broken(*generation, Error::Unavailable(failure))
                    }
                    Err(Fault::Damaged(failure)) => {
                        Read::Broken(*generation, Error::Corrupt(failure))
                    }
                }
            }
            Handle::Broken(error) => Read::Broken(0, error.clone()),
            Handle::Closed => Read::Answer(Err(closed())),
        }
    }
}

enum Read<T> {
    Answer(Result<T>),
    /// The database of this generation has stopped working. If it does so again once it was opened
    /// again, this is the answer.
    Broken(u64, Error),
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

    /// Reads at once, unless an I/O error broke the database: then it is opened again, and read once
    /// more.
    pub(crate) fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl Fn(&Snapshot) -> Result<T, Fault> + Send + 'static,
    ) -> Answer<T> {
        match self.core.read(&read) {
            Read::Answer(answer) => Answer::Now(answer),
            Read::Broken(generation, _) => {
                let open = self.clone();
                Answer::later(async move {
                    let mend = WriterOperation::Mend(generation);
                    open.core.queue.submit(mend).await?;
                    match open.core.read(read) {
                        Read::Answer(answer) => answer,
                        Read::Broken(_, error) => Err(error),
                    }
                })
            }
        }
    }

    /// Sends an operation to the writer and waits until it is durable.
    pub(crate) fn write<T: 'static>(
        self: &Arc<Self>,
        operation: WriterOperation,
        read: fn(Outcome) -> Option<T>,
    ) -> Answer<T> {
        let open = self.clone();
        Answer::later(async move {
            let outcome = open.core.queue.submit(operation).await?;
            read(outcome).ok_or_else(|| {
                let what = "the writer answered another operation";
                Error::Internal(Failure::new(what))
            })
        })
    }

    /// Closes the queue, and waits until its operations are done and the file is closed.
    pub(crate) fn close(self: &Arc<Self>) -> Answer<()> {
        let open = self.clone();
        Answer::later(async move {
            open.core.queue.close();
            let mut progress = open.core.progress.subscribe();
            // It fails only if the sender is dropped, and `open` holds it.
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
        // The task that an answer wakes can drop the last reference on the writer thread itself.
        if writer.thread().id() != std::thread::current().id() && writer.join().is_err() {
            tracing::error!("the writer thread of the disk store panicked");
        }
    }
}
