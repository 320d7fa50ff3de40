//! A worker with an instance.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use keywell_journal::{Invoked, Session, WorkerName};
use keywell_wasi::OverBudget;
use tokio::time::timeout_at;
use wasmtime_wasi::I32Exit;

use super::error::WorkerError;
use super::kind::Kind;
use super::recording::Recording;
use super::sending;
use super::values;
use crate::instance::{Instances, Made, is_no_room};
use crate::invoke::{Function, call_in, reason};
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
        let session = kind.session(name).await?;
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
        };
        let instances = &live.instances;
        let instantiated = instances.instantiate(instances.deadline());
        let instantiated = Self::timed(instances, &live.recording, instantiated);
        match instantiated.await {
            Ok(made) => live.made = Some(made),
            Err(error) => return Err(live.unready(&error)),
        }
        Ok(live)
    }

    pub(super) fn session(&self) -> &Session {
        self.recording.session()
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
            let outcome = self.invoke(kind, &invoked).await?;
            if each(position, outcome) {
                break;
            }
        }
        Ok(())
    }

    async fn invoke(&mut self, kind: &Kind, invoked: &Invoked) -> Result<Outcome, WorkerError> {
        let unfit = |error| WorkerError::unfit(&self.name, &error);
        let function = kind.functions.find(&invoked.function).map_err(unfit)?;
        let arguments = values::arguments(function, &invoked.arguments).map_err(unfit)?;
        let made = self.made.take();
        let deadline = self.instances.deadline();
        self.recording.begin();
        let called = call_in(&self.instances, made, deadline, function, &arguments);
        let called = Self::timed(&self.instances, &self.recording, called).await;
        // The instance cannot know what its answer is worth.
        if let Some(error) = self.session().error() {
            return Err(error.into());
        }
        let called = called.and_then(|(made, results)| match made.0.data().exhausted() {
            // What it made of that depends on other instances.
            Some(Exhausted::Total) => Err(Instances::without_memory()),
            _ => Ok((made, results)),
        });
        match called {
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
        let reason = match error.downcast_ref::<I32Exit>() {
            Some(I32Exit(code)) => format!("it ended its instance with the exit code {code}"),
            None if error.is::<TimedOut>() => {
                format!("it took longer than {:?}", self.instances.timeout())
            }
            None => reason(error),
        };
        self.fail(&reason).await
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
        let reason = if error.is::<TimedOut>() {
            format!("it took longer than {:?}", self.instances.timeout())
        } else {
            reason(error)
        };
        WorkerError::Unready {
            worker: self.name.to_string(),
            reason,
        }
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
