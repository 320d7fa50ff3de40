//! A worker with an instance.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use keywell_journal::{Invoked, Quiet, Session, WorkerName};
use keywell_wasi::OverBudget;
use tokio::time::timeout_at;
use wasmtime::component::Val;
use wasmtime_wasi::I32Exit;

use super::error::WorkerError;
use super::kind::Kind;
use super::recording::Recording;
use super::sending;
use super::snapshots::Snapshots;
use super::values;
use crate::instance::{Instances, Made, is_no_room};
use crate::invoke::{Function, call_in, reason};
use crate::log::cut_message;
use crate::state::{Exhausted, TimedOut};
use crate::turn::TurnTaker;

/// A worker whose journal this process has, and its instance, which has run every invocation that has
/// ended.
pub(super) struct Live {
    name: WorkerName,
    recording: Arc<Recording>,
    instances: Instances,
    /// None after an invocation that failed: then the worker has to be opened again.
    made: Option<Made>,
    /// How many invocations have returned since the snapshot, those that were replayed included.
    returned: u64,
}

/// How an invocation ended: its answer, or why it failed.
pub(super) type Outcome = Result<Bytes, String>;

// === impl Live ===

impl Live {
    /// The least time after which it is looked again whether an instance that slept is awake.
    const LOOK: Duration = Duration::from_millis(10);

    /// Opens a worker, and makes it if there is none. Its invocations have not run yet. The caller has
    /// a place in the room.
    pub(super) async fn open(kind: &Kind, name: &WorkerName) -> Result<Self, WorkerError> {
        Self::make(kind, name, kind.session(name).await?).await
    }

    /// Makes an instance for a session. It has loaded the snapshot that the session begins with.
    pub(super) async fn make(
        kind: &Kind,
        name: &WorkerName,
        session: Session,
    ) -> Result<Self, WorkerError> {
        let state = session.state().await?;
        Self::load(kind, name, session, state.as_ref()).await
    }

    /// Makes an instance for a session, and lets it load a state if there is one.
    pub(super) async fn load(
        kind: &Kind,
        name: &WorkerName,
        session: Session,
        state: Option<&Bytes>,
    ) -> Result<Self, WorkerError> {
        let streams = kind.instances.printer().streams(None);
        let streams = streams.map(|stream| Box::new(stream) as Box<_>);
        let interrupted = kind.interrupted_requests();
        let clock = kind.clock.clone();
        let recording = Recording::new(session.clone(), clock, interrupted, streams).await?;
        let recording = Arc::new(recording);
        let created = session.created().await?;
        let environment = kind.recorded_environment(name, &created);
        let grants = kind.grants(&session);
        let instances = kind
            .instances
            .recorded(grants, environment, recording.clone());
        let mut live = Self {
            name: name.clone(),
            recording,
            instances,
            made: None,
            returned: 0,
        };
        let quiet = state.map(|_| live.session().quiet());
        let made = live.instantiate(kind, state).await;
        if state.is_some() {
            live.recording.end(made.is_err());
        }
        if let Some(call) = quiet.and_then(Quiet::end) {
            let reason = format!("it called {call}, which is refused while it loads its state");
            return Err(live.unloadable(&reason));
        }
        live.made = Some(made?);
        Ok(live)
    }

    async fn instantiate(
        &mut self,
        kind: &Kind,
        state: Option<&Bytes>,
    ) -> Result<Made, WorkerError> {
        let (instances, recording) = (&self.instances, &self.recording);
        let made = Self::timed_call(instances, recording, |deadline| {
            instances.instantiate(deadline)
        });
        let mut made = made.await.map_err(|error| self.unready(&error))?;
        self.end_requests(&mut made)?;
        let Some(state) = state else {
            return Ok(made);
        };
        let Some(snapshots) = &kind.snapshots else {
            let reason = "the component exports no function that loads it";
            return Err(self.unloadable(reason));
        };
        let loaded = Self::timed_call(instances, recording, |deadline| {
            snapshots.load(made, state, deadline)
        });
        match loaded.await {
            Ok((mut made, Ok(()))) => {
                self.end_requests(&mut made)?;
                Ok(made)
            }
            Ok((_, Err(reason))) => Err(self.unloadable(&reason)),
            Err(error) if error.is::<TimedOut>() || Instances::is_at_limit(&error) => {
                Err(self.unready(&error))
            }
            Err(error) => Err(self.unloadable(&self.reason(&error))),
        }
    }

    /// Requests that were begun outside an invocation are none of the next one's.
    fn end_requests(&self, made: &mut Made) -> Result<(), WorkerError> {
        let ended = sending::end(made.0.data_mut());
        ended.map_err(|error| self.unready(&error))
    }

    pub(super) fn name(&self) -> &WorkerName {
        &self.name
    }

    pub(super) fn session(&self) -> &Session {
        self.recording.session()
    }

    /// How many invocations have returned since the snapshot that it was opened from.
    pub(super) fn returned(&self) -> u64 {
        self.returned
    }

    /// Saves its state, and ends its instance; why that failed.
    pub(super) async fn save(&mut self, snapshots: &Snapshots) -> Result<Bytes, String> {
        let made = self.made.take();
        let made = made.ok_or_else(|| "its last invocation failed".to_owned())?;
        let saved = Self::timed_call(&self.instances, &self.recording, |deadline| {
            snapshots.save(made, deadline)
        });
        let saved = saved.await;
        self.recording.end(true);
        saved.map_err(|error| self.reason(&error))
    }

    /// Whether it has run an invocation that failed.
    pub(super) fn is_spent(&self) -> bool {
        self.made.is_none()
    }

    /// Runs the invocations that were accepted, in their order, until none is left, one has failed, or
    /// `each` answers that it is enough.
    ///
    /// # Errors
    ///
    /// After an error the worker has to be opened again.
    pub(super) async fn run(
        &mut self,
        kind: &Kind,
        mut each: impl FnMut(u64, Outcome) -> bool,
    ) -> Result<(), WorkerError> {
        while !self.is_spent()
            && let Some((position, invoked)) = self.session().next().await?
        {
            let outcome = self.invoke(kind, position, &invoked).await?;
            self.returned += u64::from(outcome.is_ok());
            if each(position, outcome) {
                break;
            }
        }
        Ok(())
    }

    async fn invoke(
        &mut self,
        kind: &Kind,
        position: u64,
        invoked: &Invoked,
    ) -> Result<Outcome, WorkerError> {
        let unfit = |error| WorkerError::unfit(&self.name, position, &error);
        let function = kind.functions.find(&invoked.function).map_err(unfit)?;
        let arguments = values::arguments(function, &invoked.arguments).map_err(unfit)?;
        match self.call(function, &arguments).await? {
            Ok((mut made, results)) => {
                if let Err(error) = sending::end(made.0.data_mut()) {
                    return self.trap(function, &error).await;
                }
                let answer = values::written_answer(function, &results);
                let Some(answer) = answer else {
                    return self.fail("it returned what has no form in JSON").await;
                };
                let is_new = self.session().returned(answer.clone()).await?;
                self.recording.end(is_new);
                self.made = Some(made);
                Ok(Ok(answer))
            }
            Err(error) => self.trap(function, &error).await,
        }
    }

    /// Calls a function in its instance, and does not end the invocation.
    async fn call(
        &mut self,
        function: &Function,
        arguments: &[Val],
    ) -> Result<wasmtime::Result<(Made, Vec<Val>)>, WorkerError> {
        let made = self.made.take();
        let instances = &self.instances;
        let called = Self::timed_call(instances, &self.recording, |deadline| {
            call_in(instances, made, deadline, function, arguments)
        });
        let called = called.await;
        // The instance cannot know what its answer is worth.
        if let Some(error) = self.session().error() {
            return Err(error.into());
        }
        Ok(
            called.and_then(|(made, results)| match made.0.data().exhausted() {
                // What it made of that depends on other instances.
                Some(Exhausted::Total) => Err(Instances::without_memory()),
                _ => Ok((made, results)),
            }),
        )
    }

    /// Calls a function at the end of a rehearsal: what it returns is recorded nowhere.
    pub(super) async fn ask(
        mut self,
        function: &Function,
        arguments: &[Val],
    ) -> Result<Vec<Val>, WorkerError> {
        self.session().ask().await?;
        let called = self.call(function, arguments).await?;
        self.recording.end(true);
        match called {
            Ok((_, results)) => Ok(results),
            Err(error) => Err(WorkerError::Failed {
                function: function.full_name(),
                reason: self.reason(&error),
            }),
        }
    }

    /// Ends an invocation whose function failed.
    async fn trap(
        &mut self,
        function: &Function,
        error: &wasmtime::Error,
    ) -> Result<Outcome, WorkerError> {
        let is_of_limit =
            error.is::<TimedOut>() || error.is::<OverBudget>() || Instances::is_at_limit(error);
        if is_of_limit && self.recording.is_replaying().await? {
            // It did not fail when it was recorded.
            return Err(self.unready(error));
        }
        let component = &**self.instances.name();
        let name = function.full_name();
        tracing::debug!(component, "failed in {name} of a worker: {error:#}");
        self.fail(&self.reason(error)).await
    }

    /// Why the instance failed, for people.
    pub(super) fn reason(&self, error: &wasmtime::Error) -> String {
        match error.downcast_ref::<I32Exit>() {
            Some(I32Exit(code)) => format!("it ended its instance with the exit code {code}"),
            None if error.is::<TimedOut>() => {
                format!("it took longer than {:?}", self.instances.timeout())
            }
            None => reason(error),
        }
    }

    async fn fail(&mut self, reason: &str) -> Result<Outcome, WorkerError> {
        let is_new = !self.recording.is_replaying().await?;
        self.session().failed(reason).await?;
        self.recording.end(is_new);
        Ok(Err(reason.to_owned()))
    }

    fn unready(&self, error: &wasmtime::Error) -> WorkerError {
        if let Some(error) = self.session().error() {
            return error.into();
        }
        if is_no_room(error) {
            return WorkerError::Busy;
        }
        WorkerError::Unready {
            worker: self.name.to_string(),
            reason: self.reason(error),
        }
    }

    fn unloadable(&self, reason: &str) -> WorkerError {
        WorkerError::Unloadable {
            worker: self.name.to_string(),
            // The component may have written as much as it likes.
            reason: cut_message(reason).to_owned(),
        }
    }

    /// Lets the instance run a call, which has to end by a deadline, for its time.
    async fn timed_call<T, F>(
        instances: &Instances,
        recording: &Recording,
        call: impl FnOnce(Instant) -> F,
    ) -> wasmtime::Result<T>
    where
        F: Future<Output = wasmtime::Result<T>>,
    {
        recording.begin();
        let called = call(instances.deadline());
        Self::timed(instances, recording, called).await
    }

    /// Lets the instance run for its time, in which it does not sleep.
    async fn timed<T>(
        instances: &Instances,
        recording: &Recording,
        guest: impl Future<Output = wasmtime::Result<T>>,
    ) -> wasmtime::Result<T> {
        let _running = instances.run();
        let began = Instant::now();
        let mut guest = pin!(guest);
        let mut turns = TurnTaker::default();
        let mut guest = pin!(poll_fn(|cx| turns.poll(guest.as_mut(), cx)));
        let mut slept = Duration::ZERO;
        loop {
            let deadline = began + instances.timeout() + slept;
            let deadline = deadline.max(Instant::now() + Self::LOOK.min(slept));
            if let Ok(ended) = timeout_at(deadline.into(), guest.as_mut()).await {
                return ended;
            }
            let now = recording.slept();
            if now == slept {
                return Err(TimedOut.into());
            }
            slept = now;
        }
    }
}
