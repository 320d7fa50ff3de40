use std::path::PathBuf;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;

use crate::error::Fault;
use crate::queue::closed;
use crate::{Options, file};

/// Connections that read. There are as many as there are readers at the same time.
#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    options: Options,
    /// Those that are not in use; `None` once the store is closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

// === impl Readers ===

impl Readers {
    /// How many idle connections are kept.
    const MOST_IDLE: usize = 16;

    pub(crate) fn new(path: PathBuf, options: Options) -> Self {
        Self {
            path,
            options,
            idle: Mutex::new(Some(Vec::new())),
        }
    }

    /// Reads on the calling thread, and waits for no lock.
    pub(crate) fn read_now<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.read_within(Duration::ZERO, read)
    }

    /// Reads on the calling thread, which waits for locks as long as the options say.
    pub(crate) fn read_patiently<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.read_within(self.options.busy_timeout, read)
    }

    fn read_within<T>(
        &self,
        patience: Duration,
        read: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let idle = self.idle.lock().as_mut().ok_or_else(closed)?.pop();
        let connection = match idle {
            Some(connection) => connection,
            None => file::open_reader(&self.path, &self.options)?,
        };
        connection.busy_timeout(patience)?;
        let answer = read(&connection);
        if let Some(idle) = &mut *self.idle.lock()
            && idle.len() < Self::MOST_IDLE
        {
            idle.push(connection);
        }
        answer
    }

    /// Closes the connections, and refuses to read from then on.
    pub(crate) fn close(&self) {
        drop(self.idle.lock().take());
    }
}
