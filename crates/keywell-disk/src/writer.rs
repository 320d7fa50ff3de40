use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use keywell_store::{Error, Failure, Result};
use redb::{ReadTransaction, ReadableDatabase};

use crate::OpenError;
use crate::commit::{self, CommitError};
use crate::database::{self, Making};
use crate::error::{Fault, undamaged};
use crate::group::{Base, Settled};
use crate::lock::Lock;
use crate::log::Log;
use crate::marks::Marks;
use crate::open::{Core, Handle};
use crate::operation::{Outcome, Request, WriterOperation};
use crate::options::Options;
use crate::pages::Pages;
use crate::queue::{Next, closed};
use crate::recording::Recording;
use crate::source::Source;
use crate::task::Between;

/// How long the writer waits to remove expired entries after it failed to.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest sleep of the writer when an entry will expire: timers stop while the machine is
/// suspended.
const NAP: Duration = Duration::from_mins(1);

/// The writer thread. It takes all queued operations, commits them as one transaction, and answers
/// when that is durable. Operations that arrive meanwhile form the next transaction.
pub(crate) struct Writer {
    core: Arc<Core>,
    source: Source,
    options: Options,
    /// Released after the database is closed.
    lock: Option<Lock>,
    log: Log,
    pages: Pages,
    marks: Marks,
    generation: u64,
    /// Whether the last transaction failed.
    has_failed: bool,
    /// What records the groups, while something does.
    recording: Weak<Recording>,
}

// === impl Writer ===

impl Writer {
    pub(crate) fn start(
        core: Arc<Core>,
        source: Source,
        options: Options,
        lock: Option<Lock>,
        (log, pages, marks): (Log, Pages, Marks),
    ) -> Result<JoinHandle<()>, OpenError> {
        let writer = Self {
            core,
            source,
            options,
            lock,
            log,
            pages,
            marks,
            generation: 1,
            has_failed: false,
            recording: Weak::new(),
        };
        thread::Builder::new()
            .name("keywell-disk".to_owned())
            .spawn(move || writer.run())
            .map_err(OpenError::Thread)
    }

    fn run(mut self) {
        loop {
            match self.core.queue.next(self.until_due()) {
                Next::Group(requests) => self.serve(requests),
                Next::Nothing => self.serve(Vec::new()),
                Next::End => break,
            }
        }
        // Keys that readers saw as expired must stay expired, whatever the time of day is at the next
        // opening.
        if self.marks.next_due.is_some() {
            self.serve(Vec::new());
        }
    }

    /// How long until the next entry expires.
    fn until_due(&self) -> Option<Duration> {
        let due = self.marks.next_due?;
        let wait = Duration::from_millis(due.saturating_sub(self.core.clock.now()));
        let least = if self.has_failed {
            PAUSE
        } else {
            Duration::ZERO
        };
        Some(wait.clamp(least, NAP))
    }

    fn serve(&mut self, requests: Vec<Request>) {
        let is_task = |request: &Request| matches!(request.operation, WriterOperation::Run(_));
        let (tasks, requests): (Vec<_>, Vec<_>) = requests.into_iter().partition(is_task);
        if tasks.is_empty() || !requests.is_empty() {
            self.commit(requests);
        }
        for request in tasks {
            let (operation, request) = request.split();
            if let WriterOperation::Run(task) = operation {
                task.run(self);
            }
            request.answer(Ok(Outcome::Done));
        }
    }

    fn commit(&mut self, requests: Vec<Request>) {
        let outcomes = self.attempt(&requests);
        self.has_failed = outcomes.is_err();
        match outcomes {
            Ok(outcomes) => {
                for (request, outcome) in requests.into_iter().zip(outcomes) {
                    request.answer(outcome);
                }
            }
            Err(error) => {
                tracing::warn!(%error, operations = requests.len(), "a write to disk failed");
                for request in requests {
                    request.answer(Err(error.clone()));
                }
            }
        }
    }

    /// The outcome of each request, or the error of all.
    fn attempt(&mut self, requests: &[Request]) -> Result<Vec<Result<Outcome>>> {
        let is_broken = match &*self.core.handle.read() {
            Handle::Open(_, generation) => requests.iter().any(
                |request| matches!(request.operation, WriterOperation::Mend(at) if at == *generation),
            ),
            Handle::Broken(_) | Handle::Closed => true,
        };
        if is_broken {
            self.reopen()?;
        }
        let is_mend = |request: &Request| matches!(request.operation, WriterOperation::Mend(_));
        if !requests.is_empty() && requests.iter().all(is_mend) {
            return Ok(requests.iter().map(|_| Ok(Outcome::Done)).collect());
        }
        let before = self.last();
        let settled = match self.transact(requests) {
            // A reader broke the database before; nothing was written yet.
            Err(CommitError::NotBegun(_)) => {
                self.reopen()?;
                self.transact(requests)
            }
            settled => settled,
        };
        match settled {
            Ok(settled) => Ok(self.settle(settled)),
            // A damaged page fails only the requests that need it.
            Err(CommitError::RolledBack(Fault::Damaged(_))) if requests.len() > 1 => {
                self.reopen()?;
                let each = requests.chunks(1).map(|one| {
                    let mut outcomes = self.attempt(one)?;
                    outcomes.pop().unwrap_or(Ok(Outcome::Done))
                });
                Ok(each.collect())
            }
            Err(CommitError::NotBegun(fault) | CommitError::RolledBack(fault)) => {
                // If it does not open again, the next operation reports it.
                let _ = self.reopen();
                Err(fault.into_answer())
            }
            Err(CommitError::Ambiguous(fault)) => {
                // The file has either the whole group or nothing of it.
                let is_absent = self.reopen().is_ok() && self.last() == before;
                Err(unacknowledged(fault, is_absent))
            }
        }
    }

    /// The last writes: they differ once a group was committed.
    fn last(&self) -> (u64, u64) {
        (self.marks.sequence, self.marks.live)
    }

    fn transact(&mut self, requests: &[Request]) -> Result<Settled, CommitError> {
        let base = Base {
            marks: &self.marks,
            directory: &self.core.directory,
            history: self.core.history,
            is_live_watched: self.core.live.is_watched(),
            now: self.core.clock.mark(),
        };
        match &*self.core.handle.read() {
            Handle::Open(database, _) => {
                let recording = self.recording.upgrade();
                let recording = recording.as_deref();
                undamaged(|| commit::run(database, &mut self.log, &base, requests, recording))
            }
            Handle::Broken(error) => Err(CommitError::NotBegun(Fault::Answer(error.clone()))),
            Handle::Closed => Err(CommitError::NotBegun(Fault::Broken("it is closed".into()))),
        }
    }

    /// Publishes what is now durable.
    fn settle(&mut self, settled: Settled) -> Vec<Result<Outcome>> {
        self.core.latest.end();
        self.core.directory.add(settled.buckets);
        self.marks = settled.marks;
        self.advance();
        self.core.live.publish(settled.live);
        settled.outcomes
    }

    /// Wakes the watches if there are events for them.
    fn advance(&self) {
        self.core.progress.send_if_modified(|last| {
            let before = last.replace(self.marks.sequence);
            *last != before
        });
    }

    /// Closes the database and opens it again, the only recovery from an I/O error. Readers wait
    /// meanwhile, for a few reads of the disk.
    fn reopen(&mut self) -> Result<()> {
        if let Some(recording) = self.recording.upgrade() {
            recording.fail();
        }
        self.open_again(&mut || Ok(()))?;
        self.core.live.interrupt();
        tracing::info!("the database was opened again after an error");
        Ok(())
    }

    /// Closes the database, and opens it again after something else was done, whether that failed or
    /// not.
    fn open_again(&mut self, between: &mut dyn FnMut() -> Result<(), OpenError>) -> Result<()> {
        let mut handle = self.core.handle.write();
        self.core.latest.end();
        // Drops the old database first, so that it releases the file. It must not make durable what
        // the log may not have.
        self.pages.stop();
        let failure = Failure::new("the database is being opened again");
        *handle = Handle::Broken(Error::Unavailable(failure));
        let done = between();
        let opened = database::open(&self.source, &self.options, Making::Refused)
            .map_err(Error::from)
            .and_then(|opened| {
                if opened.store == self.core.store {
                    return Ok(opened);
                }
                let what = "the file was replaced by that of another store";
                Err(Error::Unavailable(Failure::new(what)))
            });
        match opened {
            Ok(opened) => {
                self.generation += 1;
                self.log = opened.log;
                self.pages = opened.pages;
                self.marks = opened.marks;
                self.core.directory.replace(opened.buckets);
                *handle = Handle::Open(opened.database, self.generation);
                self.advance();
                Ok(done?)
            }
            Err(error) => {
                let what = "the database cannot be opened again";
                let error = match error {
                    Error::Corrupt(failure) => {
                        Error::Corrupt(Failure::new(format!("{what}: {failure}")))
                    }
                    error => Error::Unavailable(Failure::caused_by(what, error)),
                };
                *handle = Handle::Broken(error.clone());
                Err(error)
            }
        }
    }
}

impl Between for Writer {
    fn record(&mut self) -> Result<(Arc<Recording>, ReadTransaction)> {
        if self.recording.strong_count() > 0 {
            let what = "the store is being compacted already; wait for that";
            return Err(Error::Unavailable(what.into()));
        }
        let snapshot = match &*self.core.handle.read() {
            Handle::Open(database, _) => database
                .begin_read()
                .map_err(|error| Fault::from(error).into_answer())?,
            Handle::Broken(error) => return Err(error.clone()),
            Handle::Closed => return Err(closed()),
        };
        let recording = Arc::default();
        self.recording = Arc::downgrade(&recording);
        Ok((recording, snapshot))
    }

    fn replace_file(&mut self, replace: &mut dyn FnMut() -> Result<(), OpenError>) -> Result<()> {
        self.open_again(replace)
    }
}

impl Drop for Writer {
    /// Also if the writer panics: callers would otherwise wait for ever.
    fn drop(&mut self) {
        self.core.queue.abandon();
        let mut handle = self.core.handle.write();
        self.core.latest.end();
        *handle = Handle::Closed;
        drop(handle);
        self.lock.take();
        self.core.progress.send_replace(None);
        self.core.live.close();
    }
}

/// The error of callers whose writes were in a failed commit.
fn unacknowledged(fault: Fault, is_absent: bool) -> Error {
    let failure = match fault {
        Fault::Broken(failure) | Fault::Damaged(failure) => failure,
        Fault::Answer(error) => Failure::caused_by("committing", error),
    };
    if is_absent {
        Error::Unavailable(failure)
    } else {
        Error::Ambiguous(failure)
    }
}
