use std::sync::Arc;
use std::thread::JoinHandle;

use keywell_store::{Answer, Error, Failure, Result, StoreId, Transacted};
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::watch;

use crate::Options;
use crate::error::Fault;
use crate::queue::Queue;
use crate::readers::Readers;
use crate::unit::Unit;

/// The state that the readers, the writer and the watches of a store share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) id: StoreId,
    /// The random number of the file, the same in every process.
    pub(crate) store: i64,
    pub(crate) options: Options,
    pub(crate) queue: Queue,
    pub(crate) readers: Readers,
    /// The version of the last write that this process has seen; `None` once the store is closed.
    progress: watch::Sender<Option<i64>>,
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
    pub(crate) fn new(store: i64, options: Options, readers: Readers) -> Self {
        Self {
            id: StoreId::unique(),
            store,
            options,
            queue: Queue::new(),
            readers,
            progress: watch::Sender::new(Some(0)),
        }
    }

    /// Whether there are watches.
    pub(crate) fn is_watched(&self) -> bool {
        self.progress.receiver_count() > 0
    }

    /// Wakes the watches if there are events for them.
    pub(crate) fn advance(&self, sequence: i64) {
        self.progress.send_if_modified(|last| {
            let is_new = last.is_some_and(|last| last < sequence);
            if is_new {
                *last = Some(sequence);
            }
            is_new
        });
    }

    /// Ends the watches.
    pub(crate) fn end(&self) {
        self.progress.send_replace(None);
    }
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

    /// Reads at once, on the calling thread, unless another process holds a lock: then on a thread
    /// that may wait.
    pub(crate) fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl Fn(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Answer<T> {
        match self.core.readers.read_now(&read) {
            Err(fault) if fault.is_busy() => {
                let open = self.clone();
                Answer::later(async move {
                    let reading = move || open.core.readers.read_patiently(read);
                    let read = tokio::task::spawn_blocking(reading).await;
                    let read = read.map_err(|error| {
                        Error::Internal(Failure::caused_by("the thread that reads", error))
                    })?;
                    read.map_err(Fault::into_answer)
                })
            }
            read => Answer::Now(read.map_err(Fault::into_answer)),
        }
    }

    /// Sends a unit to the writer and waits until it is committed.
    pub(crate) fn write(self: &Arc<Self>, unit: Unit) -> Answer<Transacted> {
        let open = self.clone();
        Answer::later(async move { open.core.queue.submit(unit).await })
    }

    /// What a watch waits for. From now on, the writer looks for what other processes commit.
    pub(crate) fn follow(&self) -> watch::Receiver<Option<i64>> {
        let progress = self.core.progress.subscribe();
        self.core.queue.nudge();
        progress
    }

    /// Closes the queue, and waits until its units are done and the file is closed.
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
            tracing::error!("the writer thread of the SQLite store panicked");
        }
    }
}
