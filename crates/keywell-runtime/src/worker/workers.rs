//! The workers of a component in this process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keywell_journal::{Accepted, Error as JournalError, Invoked, WorkerName};
use keywell_wasi::Grants;
use parking_lot::Mutex;
use tokio::time::{Instant, timeout_at};
use wasmtime::component::Val;

use super::error::WorkerError;
use super::kind::Kind;
use super::live::{Live, Outcome};
use super::names::WorkerNames;
use super::options::WorkerOptions;
use super::rehearsal::Rehearsals;
use super::saving;
use super::snapshots::Snapshots;
use super::values;
use crate::instance::Instances;
use crate::invoke::{Function, Functions};
use crate::shelf::Shelf;
use crate::{Error, LoadedComponent};

/// The workers of a component. Clones are handles of the same.
/// [`Runtime::workers`](crate::Runtime::workers) makes them.
#[derive(Clone)]
pub struct Workers(Arc<Inner>);

struct Inner {
    kind: Kind,
    slots: Mutex<HashMap<WorkerName, Arc<Slot>>>,
}

/// A worker that was called in this process.
struct Slot {
    /// Held by the invocation that runs; the others wait in the order in which they came.
    turn: tokio::sync::Mutex<()>,
    /// Its instance between two invocations.
    shelf: Arc<Shelf<Live>>,
}

/// Why an invocation has no outcome.
enum Unanswered {
    /// Another process had the worker meanwhile, and nothing of the invocation was recorded.
    Behind(WorkerError),
    Failed(WorkerError),
}

/// What a worker is asked.
#[derive(Clone, Debug)]
pub struct Invocation<'a> {
    /// The worker.
    pub worker: WorkerName,
    /// What names the invocation: with the same key it is answered once more, and not run again.
    pub key: Option<String>,
    /// One of [`Workers::functions`], which [`Function::check`] allows.
    pub function: &'a Function,
    /// Its arguments.
    pub arguments: &'a [Val],
}

// === impl Workers ===

impl Workers {
    pub(crate) async fn new(
        component: &LoadedComponent,
        instances: Instances,
        grants: Arc<Grants>,
        options: WorkerOptions,
    ) -> Result<Self, Error> {
        Ok(Self(Arc::new(Inner {
            kind: Kind::new(component, instances, grants, options).await?,
            slots: Mutex::default(),
        })))
    }

    /// What can be called.
    pub fn functions(&self) -> &Functions {
        &self.0.kind.functions
    }

    /// Replays of them in memory.
    pub fn rehearsals(&self) -> Rehearsals<'_> {
        Rehearsals::new(&self.0.kind)
    }

    /// Calls a function of a worker, which is made if there is none, and answers what it returned, in
    /// JSON ([`answer`](super::answer) reads it). It waits for its turn and for an instance no longer
    /// than `patience`.
    ///
    /// It is recorded with its first effect, or with its end. Where the future is dropped before that, it
    /// was never accepted; after that, it ends with the next one of the worker, or with
    /// [`resume`](Self::resume).
    ///
    /// # Errors
    ///
    /// [`WorkerError`].
    pub async fn invoke(
        &self,
        invocation: Invocation<'_>,
        patience: Duration,
    ) -> Result<Bytes, WorkerError> {
        let Invocation {
            worker,
            key,
            function,
            arguments,
        } = invocation;
        let name = function.full_name();
        let failed = |reason: String| WorkerError::Failed {
            function: name.clone(),
            reason,
        };
        if Snapshots::have(function) {
            return Err(failed("it is called for snapshots alone".to_owned()));
        }
        let arguments = values::written_arguments(function, arguments);
        let arguments =
            arguments.ok_or_else(|| failed("its arguments have no form in JSON".to_owned()))?;
        let invoked = Invoked {
            key,
            function: name.clone(),
            arguments,
        };
        self.0
            .invoke(&worker, invoked, patience)
            .await?
            .map_err(failed)
    }

    /// Runs what a worker was asked and has not ended.
    ///
    /// # Errors
    ///
    /// [`WorkerError`].
    pub async fn resume(&self, worker: &WorkerName, patience: Duration) -> Result<(), WorkerError> {
        self.0.resume(worker, patience).await
    }

    /// Runs what these workers were asked and have not ended, where the store of the journals lists
    /// them. Whatever keeps one from it is logged.
    pub async fn resume_all(&self, names: &WorkerNames, patience: Duration) {
        let unfinished = match self.0.kind.unfinished(names).await {
            Ok(unfinished) => unfinished,
            Err(error) => {
                tracing::debug!("cannot look for unfinished workers: {error}");
                return;
            }
        };
        for worker in unfinished {
            if let Err(error) = self.resume(&worker, patience).await {
                tracing::warn!("cannot go on with what was asked of worker {worker}: {error}");
            }
        }
    }

    /// How many workers have an instance here that waits for a call. Where another one needs its place
    /// among [`instances`](crate::Options::instances), it ends.
    pub fn idle(&self) -> usize {
        let slots = self.0.slots.lock();
        let idle = slots.values().filter(|slot| !slot.shelf.is_empty());
        idle.count()
    }

    /// Ends the leases of the workers that have an instance here, so that any process can take them
    /// over at once.
    pub async fn release(&self) {
        let slots: Vec<_> = self.0.slots.lock().values().cloned().collect();
        for slot in slots {
            let _turn = slot.turn.lock().await;
            if let Some(live) = slot.shelf.take() {
                // Otherwise they end by themselves.
                drop(live.session().release().await);
            }
        }
    }
}

// === impl Inner ===

impl Inner {
    /// After how many more workers those that have no instance and no call are forgotten.
    const SWEPT: usize = 1024;

    async fn invoke(
        &self,
        worker: &WorkerName,
        invoked: Invoked,
        patience: Duration,
    ) -> Result<Result<Bytes, String>, WorkerError> {
        let until = Instant::now() + patience;
        let slot = self.slot(worker);
        let turn = timeout_at(until, slot.turn.lock()).await;
        let _turn = turn.map_err(|_| WorkerError::Busy)?;
        let room = self.kind.instances.room();
        let place = room.enter(until.saturating_duration_since(Instant::now()));
        let _place = place.await.map_err(|_| WorkerError::Busy)?;
        if let Some(live) = slot.shelf.take() {
            match self.ask(&slot, live, invoked.clone()).await {
                Err(Unanswered::Behind(_)) => {}
                answered => return Ok(answered?),
            }
        }
        let live = self.open(worker).await?;
        Ok(self.ask(&slot, live, invoked).await?)
    }

    async fn resume(&self, worker: &WorkerName, patience: Duration) -> Result<(), WorkerError> {
        let until = Instant::now() + patience;
        let slot = self.slot(worker);
        let _turn = slot.turn.lock().await;
        let room = self.kind.instances.room();
        let place = room.enter(until.saturating_duration_since(Instant::now()));
        let _place = place.await.map_err(|_| WorkerError::Busy)?;
        let live = match slot.shelf.take() {
            Some(live) => live,
            None => self.open(worker).await?,
        };
        slot.shelf.keep(live);
        Ok(())
    }

    /// Runs an invocation in an instance, and keeps that for the next one.
    async fn ask(
        &self,
        slot: &Slot,
        mut live: Live,
        invoked: Invoked,
    ) -> Result<Outcome, Unanswered> {
        let position = match live.session().enqueue(invoked).await {
            Ok(Accepted::Queued(position) | Accepted::Pending(position)) => position,
            Ok(Accepted::Ended(outcome)) => {
                slot.shelf.keep(live);
                return Ok(outcome);
            }
            Err(JournalError::Conflict) => {
                slot.shelf.keep(live);
                return Err(Unanswered::Failed(JournalError::Conflict.into()));
            }
            Err(error) => return Err(Unanswered::of(error.into(), true)),
        };
        let mut own = None;
        let ran = live.run(&self.kind, |at, outcome| {
            let is_own = at == position;
            if is_own {
                own = Some(outcome);
            }
            is_own
        });
        if let Err(error) = ran.await {
            let is_unrecorded = live.session().is_unrecorded(position).await;
            return Err(Unanswered::of(error, is_unrecorded));
        }
        let worker = live.name().clone();
        let live = saving::take_if_due(&self.kind, live).await;
        if let Some(live) = live.filter(|live| !live.is_spent()) {
            slot.shelf.keep(live);
        }
        own.ok_or_else(|| {
            Unanswered::Failed(WorkerError::Unready {
                worker: worker.to_string(),
                reason: "its invocation was accepted and is not among those to run".to_owned(),
            })
        })
    }

    /// Opens a worker, and runs what it was asked before.
    async fn open(&self, worker: &WorkerName) -> Result<Live, WorkerError> {
        loop {
            let mut live = Live::open(&self.kind, worker).await?;
            live.run(&self.kind, |_, _| false).await?;
            if !live.is_spent() {
                return Ok(live);
            }
        }
    }

    fn slot(&self, worker: &WorkerName) -> Arc<Slot> {
        let mut slots = self.slots.lock();
        if slots.len().is_multiple_of(Self::SWEPT) && !slots.contains_key(worker) {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1 || !slot.shelf.is_empty());
        }
        let slot = slots.entry(worker.clone()).or_insert_with(|| {
            Arc::new(Slot {
                turn: tokio::sync::Mutex::default(),
                shelf: self.kind.instances.shelves().add(),
            })
        });
        slot.clone()
    }
}

// === impl Unanswered ===

impl Unanswered {
    fn of(error: WorkerError, is_unrecorded: bool) -> Self {
        let is_behind = matches!(
            &error,
            WorkerError::Journal(
                JournalError::Fenced { .. }
                    | JournalError::Broken(_)
                    | JournalError::NoSuchWorker(_)
            )
        );
        if is_behind && is_unrecorded {
            Self::Behind(error)
        } else {
            Self::Failed(error)
        }
    }
}

impl From<Unanswered> for WorkerError {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Behind(error) | Unanswered::Failed(error) => error,
        }
    }
}
