//! What the calls of a session share.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, MutexGuard, Notify};

use crate::core::Core;
use crate::entropy::Entropy;
use crate::error::{Error, Result};
use crate::name::WorkerName;
use crate::record::Asked;
use crate::time::Time;

/// A source of the time, such as [`Time::of_the_system`].
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

pub(crate) struct Shared {
    pub(crate) worker: WorkerName,
    pub(crate) identity: [u8; 16],
    core: Mutex<Core>,
    /// Notified when a record was taken, when the journal ended, and when the session failed.
    pub(crate) turn: Notify,
    /// Held from the intent to the end of a write, so that at most one is in doubt.
    pub(crate) writing: Mutex<()>,
    error: parking_lot::Mutex<Option<Error>>,
    quiet: parking_lot::Mutex<Quietness>,
    /// The calls of the running invocation that were opened.
    opened: parking_lot::Mutex<HashSet<u64>>,
    /// How many calls the running invocation has made.
    pub(crate) calls: AtomicU64,
    /// The running invocation.
    pub(crate) invocation: AtomicU64,
    /// The time of the last recorded event that the component has seen.
    time: AtomicU64,
    pub(crate) entropy: parking_lot::Mutex<Entropy>,
    pub(crate) clock: Clock,
}

/// Whether calls are refused.
#[derive(Default)]
enum Quietness {
    #[default]
    No,
    Yes,
    /// This call was refused first.
    Broken(String),
}

// === impl Shared ===

impl Shared {
    pub(crate) fn new(core: Core, identity: [u8; 16], clock: Clock) -> Self {
        Self {
            worker: core.worker.clone(),
            identity,
            turn: Notify::new(),
            writing: Mutex::default(),
            error: parking_lot::Mutex::default(),
            quiet: parking_lot::Mutex::default(),
            opened: parking_lot::Mutex::default(),
            calls: AtomicU64::new(0),
            invocation: AtomicU64::new(0),
            time: AtomicU64::new(core.start.0),
            entropy: parking_lot::Mutex::new(Entropy::new(core.created.seed)),
            core: Mutex::new(core),
            clock,
        }
    }

    /// The core, unless the session has failed.
    pub(crate) async fn core(&self) -> Result<MutexGuard<'_, Core>> {
        let core = self.core.lock().await;
        match self.error() {
            Some(error) => Err(error),
            None => Ok(core),
        }
    }

    /// Why the session failed.
    pub(crate) fn error(&self) -> Option<Error> {
        self.error.lock().clone()
    }

    /// Refuses calls from now on, or allows them. Answers the first call that was refused.
    pub(crate) fn set_quiet(&self, is_quiet: bool) -> Option<String> {
        let next = if is_quiet {
            Quietness::Yes
        } else {
            Quietness::No
        };
        match std::mem::replace(&mut *self.quiet.lock(), next) {
            Quietness::Broken(call) => Some(call),
            Quietness::No | Quietness::Yes => None,
        }
    }

    /// # Errors
    ///
    /// [`Error::Quiet`] where calls are refused.
    pub(crate) fn admit(&self, asked: &Asked) -> Result<()> {
        let mut quiet = self.quiet.lock();
        if matches!(*quiet, Quietness::No) {
            return Ok(());
        }
        let what = asked.to_string();
        if matches!(*quiet, Quietness::Yes) {
            *quiet = Quietness::Broken(what.clone());
        }
        Err(Error::Quiet(what))
    }

    /// Whether nothing of an invocation is in the journal, also of a session that failed.
    pub(crate) async fn is_unrecorded(&self, position: u64) -> bool {
        let core = self.core.lock().await;
        let journal = core.writer.as_ref();
        journal.is_some_and(|journal| journal.is_before(position))
    }

    /// Ends the session with an error, which every later call answers, too.
    pub(crate) async fn fail<T>(&self, core: &mut Core, error: Error) -> Result<T> {
        self.error.lock().get_or_insert_with(|| error.clone());
        // What stops the worker is reported even if it cannot be written down; a process that starts
        // the worker again comes to the same place.
        drop(core.halt(&error, (self.clock)()).await);
        self.turn.notify_waiters();
        Err(error)
    }

    /// Fails the session if something did.
    pub(crate) async fn settle<T>(&self, core: &mut Core, done: Result<T>) -> Result<T> {
        match done {
            Ok(done) => Ok(done),
            Err(error) => self.fail(core, error).await,
        }
    }

    /// A call goes on while the component does.
    pub(crate) fn opened(&self, call: u64) {
        self.opened.lock().insert(call);
    }

    pub(crate) fn is_opened(&self, call: u64) -> bool {
        self.opened.lock().contains(&call)
    }

    /// Which of these calls the next record is of; none at the end of the journal.
    pub(crate) async fn upcoming(&self, calls: &[u64], asked: &str) -> Result<Option<u64>> {
        let mut core = self.core().await?;
        let is_rehearsal = core.writer.is_none();
        let error = match core.peek().await {
            Ok(Some((_, event))) if event.record.call().is_some_and(|n| calls.contains(&n)) => {
                return Ok(event.record.call());
            }
            Ok(Some((position, event))) => {
                let (position, recorded) = (*position, event.record.brief());
                core.diverged(position, recorded, asked.to_owned())
            }
            Ok(None) if is_rehearsal => return Err(Error::Ended),
            Ok(None) => return Ok(None),
            Err(error) => error,
        };
        self.fail(&mut core, error).await
    }

    /// Ends the session after a failed invocation: the component's variables are to be built again.
    pub(crate) fn finish(&self) {
        let error = Error::Broken(self.worker.to_string());
        self.error.lock().get_or_insert(error);
        self.turn.notify_waiters();
    }

    /// Begins the calls and the random numbers of an invocation.
    pub(crate) fn begin(&self, invocation: u64, seed: [u8; 32]) {
        self.opened.lock().clear();
        self.calls.store(0, Ordering::Release);
        self.invocation.store(invocation, Ordering::Release);
        let mut entropy = self.entropy.lock();
        entropy.seed = seed;
        entropy.begin(invocation);
    }

    pub(crate) fn time(&self) -> Time {
        Time(self.time.load(Ordering::Acquire))
    }

    /// Lets the component see a time, if it is later than the one that it sees.
    pub(crate) fn show(&self, time: Time) {
        self.time.fetch_max(time.0, Ordering::AcqRel);
    }
}
