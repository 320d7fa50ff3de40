use std::sync::Arc;
use std::time::{Duration, Instant};

use keywell_wasi::Grants;
use wasmtime::component::{Component, Instance, InstancePre, Linker, ResourceTableError};
use wasmtime::{PoolConcurrencyLimitError, Store, Trap};

use crate::common::Common;
use crate::engine::Tasks;
use crate::printing::Printer;
use crate::room::Part;
use crate::shelf::Shelves;
use crate::state::{Exhausted, State, TimedOut};
use crate::ticker::Running;
use crate::worker::Recording;
use crate::{Environment, Error, Options, io, opening, relatives};

/// A component with its imports linked, from which instances are made.
pub(crate) struct Instances {
    name: Arc<str>,
    pre: InstancePre<State>,
    grants: Arc<Grants>,
    environment: Arc<Environment>,
    common: Common,
    memory: usize,
    /// How many bytes the host may hold for an instance.
    budget: usize,
    timeout: Duration,
    chain: u32,
    /// What makes the instances repeat what they did, if they are of a worker.
    recording: Option<Arc<Recording>>,
}

/// An instance in a store of its own.
pub(crate) type Made = (Store<State>, Instance);

/// All instances together have the memory that they may have.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{}", Exhausted::Total)]
struct TotalExhausted;

/// As many instances run as may.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("as many instances run as there may be at once")]
struct NoSlot;

/// A guest failed after it had run into a limit.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{cause}; {limit}")]
struct AtLimit {
    cause: String,
    limit: Exhausted,
}

/// Whether there is no instance because there is no room for one now, which says nothing about the
/// component.
pub(crate) fn is_no_room(error: &wasmtime::Error) -> bool {
    error.is::<PoolConcurrencyLimitError>() || error.is::<TotalExhausted>() || error.is::<NoSlot>()
}

/// Why there is no instance, once more: for each request that waits for it.
pub(crate) fn again(error: &wasmtime::Error) -> wasmtime::Error {
    if error.is::<TimedOut>() {
        TimedOut.into()
    } else if error.is::<TotalExhausted>() {
        TotalExhausted.into()
    } else if is_no_room(error) {
        NoSlot.into()
    } else {
        wasmtime::format_err!("{error:#}")
    }
}

// === impl Instances ===

impl Instances {
    /// What the engine has at most for a task of a guest, with what it waits for, in bytes.
    const TASK: usize = 2048;
    /// The handles that an instance with several tasks may have however small its budget is.
    const MIN_HANDLES: usize = 8192;
    /// The engine's own limit.
    const MAX_HANDLES: usize = 100_000;
    /// How long an instance waits at least, before it is tried again to make it.
    const PAUSE: Duration = Duration::from_millis(5);

    /// `calls` links what other components answer.
    pub(crate) fn new(
        name: Arc<str>,
        component: &Component,
        grants: Arc<Grants>,
        environment: Environment,
        common: Common,
        options: &Options,
        calls: impl FnOnce(&mut Linker<State>) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let mismatch = |error: wasmtime::Error| {
            let error = format!("{error:#}");
            Error::Mismatch(keywell_candidates::as_written(&error).into_owned())
        };
        let mut linker = Linker::new(component.engine());
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(mismatch)?;
        io::link(&mut linker).map_err(mismatch)?;
        opening::link(&mut linker).map_err(mismatch)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).map_err(mismatch)?;
        relatives::link(&mut linker).map_err(mismatch)?;
        keywell_wasi::link(&mut linker, component, &grants).map_err(mismatch)?;
        calls(&mut linker)?;
        let pre = linker.instantiate_pre(component).map_err(mismatch)?;
        component
            .initialize_copy_on_write_image()
            .map_err(|error| Error::Engine(format!("{error:#}")))?;
        Ok(Self {
            name,
            pre,
            grants,
            environment: Arc::new(environment),
            common,
            memory: options.memory,
            budget: options.memory,
            timeout: options.timeout,
            chain: options.chain,
            recording: None,
        })
    }

    pub(crate) fn pre(&self) -> &InstancePre<State> {
        &self.pre
    }

    /// The same, but that what instances print is passed on as it is, and waits for the reader.
    pub(crate) fn printing_raw(mut self) -> Self {
        self.common.printer = Arc::new(self.common.printer.raw());
        self
    }

    /// The same, but that the host may hold `times` the memory of an instance for it.
    pub(crate) fn holding(mut self, times: usize) -> Self {
        self.budget = self.memory.saturating_mul(times);
        self
    }

    /// The same for a worker, with what it may open and sees of the world.
    pub(crate) fn recorded(
        &self,
        grants: Arc<Grants>,
        environment: Environment,
        recording: Arc<Recording>,
    ) -> Self {
        Self {
            name: self.name.clone(),
            pre: self.pre.clone(),
            grants,
            environment: Arc::new(environment),
            common: self.common.clone(),
            recording: Some(recording),
            ..*self
        }
    }

    /// What its instances see of the world besides their buckets.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// How its instances print.
    pub(crate) fn printer(&self) -> &Arc<Printer> {
        &self.common.printer
    }

    /// What the component is called in the log.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// When a call that starts now has to be done.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// How long a call may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How many components a call may go through, itself included.
    pub(crate) fn chain(&self) -> u32 {
        self.chain
    }

    /// Where a call of a trigger finds room before it has an instance.
    pub(crate) fn room(&self) -> &Arc<Part> {
        let part = self.common.part.as_ref();
        part.expect("what a trigger calls has its part of the room")
    }

    /// Instances that no call has.
    pub(crate) fn shelves(&self) -> &Shelves {
        self.common.room.shelves()
    }

    #[cfg(test)]
    pub(crate) fn turns(&self) -> &crate::turn::Turns {
        &self.common.turns
    }

    /// An instance made ahead of a call, for a caller that has a place in the room. No other one is
    /// ended for it.
    ///
    /// # Errors
    ///
    /// Those of [`instantiate`](Self::instantiate).
    pub(crate) async fn prepare(&self) -> wasmtime::Result<Made> {
        let (mut store, instance) = self.make(self.deadline()).await?;
        store.data_mut().prepare();
        Ok((store, instance))
    }

    /// Begins another call with an instance that was kept.
    pub(crate) fn resume(store: &mut Store<State>, deadline: Instant) {
        store.data_mut().begin(deadline);
        store.set_epoch_deadline(1);
    }

    /// An instance in a store of its own, for a call that has a place in the room, or that such a
    /// call led to.
    ///
    /// The pool has slots for each place. Where an idle instance has it, that one is ended.
    ///
    /// # Errors
    ///
    /// One that [`is_no_room`] where components of more memories or tables than the pool has for
    /// each instance have used them up, or all instances together have the memory that they may
    /// have, for half of the time until the deadline.
    pub(crate) async fn instantiate(&self, deadline: Instant) -> wasmtime::Result<Made> {
        let mut found_none = false;
        loop {
            match self.make(deadline).await {
                Err(error) if error.is::<PoolConcurrencyLimitError>() => {
                    // That none is idle says that there is a slot by now, once.
                    if !self.shelves().end_one() && std::mem::replace(&mut found_none, true) {
                        return Err(error);
                    }
                }
                Err(error) if error.is::<TotalExhausted>() => {
                    if !self.shelves().end_one() {
                        return self.make_when_freed(deadline).await;
                    }
                }
                made => return made,
            }
        }
    }

    /// Waits for memory of other instances.
    async fn make_when_freed(&self, deadline: Instant) -> wasmtime::Result<Made> {
        let patience = deadline.saturating_duration_since(Instant::now()) / 2;
        let until = tokio::time::Instant::now() + patience;
        loop {
            let freed = self.common.total.freed();
            let made = self.make(deadline).await;
            let is_exhausted = matches!(&made, Err(error) if error.is::<TotalExhausted>());
            if !is_exhausted || tokio::time::timeout_at(until, freed).await.is_err() {
                return made;
            }
            // An instance that had a part of its memory wakes those that wait, itself among them.
            let again = tokio::time::Instant::now() + Self::PAUSE;
            if again > until {
                return made;
            }
            tokio::time::sleep_until(again).await;
        }
    }

    async fn make(&self, deadline: Instant) -> wasmtime::Result<Made> {
        let state = State::new(
            self.grants.clone(),
            self.environment.clone(),
            &self.common,
            self.memory,
            self.budget,
            deadline,
            self.recording.clone(),
        );
        let mut store = state.into_store(self.pre.engine());
        if self.common.tasks == Tasks::Several {
            let most = self.budget / Self::TASK;
            store.set_max_component_handles(most.clamp(Self::MIN_HANDLES, Self::MAX_HANDLES));
        }
        match self.pre.instantiate_async(&mut store).await {
            Ok(instance) => Ok((store, instance)),
            Err(_) if store.data().exhausted() == Some(Exhausted::Total) => {
                Err(TotalExhausted.into())
            }
            Err(error) => Err(Self::explain(&store, error)),
        }
    }

    /// What a call of a guest failed with, and the limit that its instance ran into before, if it
    /// did.
    pub(crate) fn explain(store: &Store<State>, error: wasmtime::Error) -> wasmtime::Error {
        match store.data().exhausted() {
            Some(limit) if error.is::<Trap>() || error.is::<ResourceTableError>() => {
                let cause = error.root_cause().to_string();
                wasmtime::Error::from(AtLimit { cause, limit })
            }
            Some(_) | None => error,
        }
    }

    /// That all instances together have the memory that they may have, and a guest got none.
    pub(crate) fn without_memory() -> wasmtime::Error {
        let cause = "a memory did not grow".to_owned();
        let limit = Exhausted::Total;
        AtLimit { cause, limit }.into()
    }

    /// Whether a guest failed at a limit, as [`explain`](Self::explain) says.
    pub(crate) fn is_at_limit(error: &wasmtime::Error) -> bool {
        error.is::<AtLimit>()
    }

    /// Has the epoch advance while a call runs.
    pub(crate) fn run(&self) -> Running {
        self.common.ticker.run()
    }
}
