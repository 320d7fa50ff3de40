use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;

use crate::OpenError;
use crate::error::Fault;
use crate::group::{self, CommitError};
use crate::marks::Marks;
use crate::open::Core;
use crate::queue::{Next, Request};
use crate::time;

/// How long the writer waits to remove expired entries after it failed to.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest sleep of the writer when an entry will expire: timers stop while the machine is
/// suspended, and the time of day can be set.
const NAP: Duration = Duration::from_mins(1);

/// The writer thread. It takes all queued units, commits them as one transaction, and answers when
/// that is committed. Units that arrive meanwhile form the next transaction. While the store is
/// watched, it looks for what other processes committed.
pub(crate) struct Writer {
    core: Arc<Core>,
    /// Closed before the store says that it is.
    connection: Option<Connection>,
    /// When the next entry expires, as far as this process knows.
    due: Option<i64>,
    /// Changes when another connection commits.
    data_version: Option<i64>,
    /// Whether the last transaction failed.
    has_failed: bool,
}

// === impl Writer ===

impl Writer {
    pub(crate) fn start(
        core: Arc<Core>,
        connection: Connection,
    ) -> Result<JoinHandle<()>, OpenError> {
        let writer = Self {
            due: group::due(&connection)?,
            core,
            connection: Some(connection),
            data_version: None,
            has_failed: false,
        };
        thread::Builder::new()
            .name("keywell-sqlite".to_owned())
            .spawn(move || writer.run())
            .map_err(OpenError::Thread)
    }

    fn connection(&self) -> &Connection {
        let connection = self.connection.as_ref();
        connection.expect("it is closed when the writer is dropped")
    }

    fn run(mut self) {
        loop {
            match self.core.queue.next(self.patience()) {
                Next::Group(requests) => self.serve(requests),
                Next::Nothing => {
                    if self.until_due().is_some_and(|wait| wait.is_zero()) {
                        self.serve(Vec::new());
                    }
                }
                Next::End => break,
            }
            self.look();
        }
    }

    /// How long to wait for units.
    fn patience(&self) -> Option<Duration> {
        let poll = self.core.is_watched().then_some(self.core.options.poll);
        match (self.until_due(), poll) {
            (Some(due), Some(poll)) => Some(due.min(poll)),
            (due, poll) => due.or(poll),
        }
    }

    /// How long until the next entry expires.
    fn until_due(&self) -> Option<Duration> {
        let left = self.due?.saturating_sub(time::now());
        let wait = Duration::from_millis(u64::try_from(left).unwrap_or(0));
        let least = if self.has_failed {
            PAUSE
        } else {
            Duration::ZERO
        };
        Some(wait.clamp(least, NAP))
    }

    fn serve(&mut self, requests: Vec<Request>) {
        let settled = group::run(self.connection(), self.core.options.history, &requests);
        self.has_failed = settled.is_err();
        let error = match settled {
            Ok(settled) => {
                self.due = settled.due;
                self.core.advance(settled.sequence);
                for (request, outcome) in requests.into_iter().zip(settled.outcomes) {
                    request.answer(outcome);
                }
                return;
            }
            Err(CommitError::Nothing(fault)) => fault.into_answer(),
            Err(CommitError::InDoubt(fault)) => fault.into_doubt(),
        };
        tracing::warn!(%error, units = requests.len(), "a write to the SQLite file failed");
        for request in requests {
            request.answer(Err(error.clone()));
        }
    }

    /// Looks for what other processes committed, if there are watches.
    fn look(&mut self) {
        if !self.core.is_watched() {
            return;
        }
        match self.read_changes() {
            Ok(None) => {}
            Ok(Some(sequence)) => self.core.advance(sequence),
            // Watches read by themselves, and report an error that stays.
            Err(fault) => tracing::debug!(?fault, "the SQLite file cannot be polled"),
        }
    }

    /// The last version, if another connection may have committed since the last call.
    fn read_changes(&mut self) -> Result<Option<i64>, Fault> {
        let sql = "PRAGMA data_version";
        let connection = self.connection();
        let version = connection
            .prepare_cached(sql)?
            .query_row([], |row| row.get(0))?;
        if self.data_version == Some(version) {
            return Ok(None);
        }
        let sequence = Marks::load(connection)?.sequence;
        let due = group::due(connection)?;
        self.due = due;
        self.data_version = Some(version);
        Ok(Some(sequence))
    }
}

impl Drop for Writer {
    /// Also if the writer panics: callers would otherwise wait for ever.
    fn drop(&mut self) {
        self.core.queue.abandon();
        self.core.readers.close();
        drop(self.connection.take());
        self.core.end();
    }
}
