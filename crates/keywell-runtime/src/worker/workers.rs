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
use super::live::Live;
use super::names::WorkerNames;
use super::options::WorkerOptions;
use super::rehearsal::Rehearsals;
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
    /// Where the future is dropped, an accepted invocation ends with the next one of the worker, or with
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
        let (mut live, accepted) = self.accept(worker, &slot, invoked).await?;
        let position = match accepted {
            Accepted::Ended(outcome) => {
                slot.shelf.keep(live);
                return Ok(outcome);
            }
            Accepted::Queued(position) | Accepted::Pending(position) => position,
        };
        let mut own = None;
        live.run(&self.kind, |at, outcome| {
            let is_own = at == position;
            if is_own {
                own = Some(outcome);
            }
            is_own
        })
        .await?;
        if !live.is_spent() {
            slot.shelf.keep(live);
        }
        own.ok_or_else(|| WorkerError::Unready {
            worker: worker.to_string(),
            reason: "its invocation was accepted and is not among those to run".to_owned(),
        })
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

    /// Accepts an invocation, by the instance that waits for one or by a new one.
    async fn accept(
        &self,
        worker: &WorkerName,
        slot: &Slot,
        invoked: Invoked,
    ) -> Result<(Live, Accepted), WorkerError> {
        if let Some(live) = slot.shelf.take() {
            match live.session().accept(invoked.clone()).await {
                Ok(accepted) => return Ok((live, accepted)),
                Err(JournalError::Conflict) => {
                    slot.shelf.keep(live);
                    return Err(JournalError::Conflict.into());
                }
                // Another process had it meanwhile, and nothing was recorded.
                Err(JournalError::Fenced { .. } | JournalError::Broken(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let live = self.open(worker).await?;
        match live.session().accept(invoked).await {
            Ok(accepted) => Ok((live, accepted)),
            Err(JournalError::Conflict) => {
                slot.shelf.keep(live);
                Err(JournalError::Conflict.into())
            }
            Err(error) => Err(error.into()),
        }
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
        let slot = slots.entry(worker.clone()).or_insert_with(|| {
            Arc::new(Slot {
                turn: tokio::sync::Mutex::default(),
                shelf: self.kind.instances.shelves().add(),
            })
        });
        slot.clone()
    }
}
