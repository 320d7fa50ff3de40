use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout_at;
use wasmtime::component::Val;
use wasmtime_wasi::I32Exit;

use super::exports::Functions;
use super::function::Function;
use crate::calls::weight;
use crate::instance::{Instances, Made, is_no_room};
use crate::room::HeldPlace;
use crate::state::TimedOut;
use crate::turn::TurnTaker;

/// A component whose functions can be called. Cloning it gives another handle.
/// [`Runtime::invoker`](crate::Runtime::invoker) makes it.
#[derive(Clone)]
pub struct Invoker(Arc<Callable>);

struct Callable {
    instances: Instances,
    functions: Functions,
}

/// Calls of one component, one after the other, in the same instance: what a call leaves in its
/// memory, the next one finds. It begins with a fresh instance, and again after a call that failed.
///
/// It has a place in the room for its instance until it is dropped.
pub struct Session {
    invoker: Invoker,
    made: Option<Made>,
    // After the instance: room is free when its slots are.
    _place: HeldPlace,
}

/// Why a call has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvokeError {
    /// All instances are in use, and too many calls wait for one, or have waited for long.
    #[error("no instance is free")]
    Busy,
    /// The function did not return in its time.
    #[error("{function} took longer than {timeout:?}")]
    TimedOut {
        /// The function.
        function: String,
        /// How long a call may take.
        timeout: Duration,
    },
    /// The function trapped, ended its instance, or ran into a limit.
    #[error("{function} failed: {reason}")]
    Failed {
        /// The function.
        function: String,
        /// The reason, which shows nothing of the host.
        reason: String,
    },
    /// The arguments are larger than what the host may hold for an instance. The function was not
    /// called.
    #[error("the arguments of {function} take more memory than the host may hold for them")]
    TooLarge {
        /// The function.
        function: String,
    },
}

/// The arguments of a call take more memory than the host may hold for an instance.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the arguments take more memory than the component may have")]
pub(crate) struct TooLarge;

// === impl Invoker ===

impl Invoker {
    /// How many times the memory of an instance the host may hold for it, arguments and results
    /// included. As values, a list of bytes takes 40 times its length ([`Val`]), so with the usual
    /// 256 MiB there is room for the largest value of a bucket, which is 16 MiB.
    const HELD: usize = 3;

    pub(crate) fn new(instances: Instances) -> Self {
        let instances = instances.holding(Self::HELD);
        Self(Arc::new(Callable {
            functions: Functions::of(instances.pre().component()),
            instances,
        }))
    }

    /// What can be called.
    pub fn functions(&self) -> &Functions {
        &self.0.functions
    }

    pub(crate) fn instances(&self) -> &Instances {
        &self.0.instances
    }

    /// Calls a function in an instance of its own. If all instances are in use, it waits for one
    /// first. Dropping the future ends the call where it stands.
    ///
    /// The function has to be one of [`functions`](Self::functions), the arguments of its types,
    /// and [`Function::check`] has to allow it.
    ///
    /// # Errors
    ///
    /// [`InvokeError`].
    pub async fn call(
        &self,
        function: &Function,
        arguments: &[Val],
    ) -> Result<Vec<Val>, InvokeError> {
        self.session().await.call(function, arguments).await
    }

    /// As [`call`](Self::call), as a request: it waits for an instance no longer than `patience`,
    /// and not at all where too many wait.
    ///
    /// # Errors
    ///
    /// [`InvokeError`].
    pub async fn call_within(
        &self,
        patience: Duration,
        function: &Function,
        arguments: &[Val],
    ) -> Result<Vec<Val>, InvokeError> {
        let entered = self.instances().room().enter(patience).await;
        let place = entered.map_err(|_| InvokeError::Busy)?;
        self.session_in(place).call(function, arguments).await
    }

    /// Begins calls in one instance. If all instances are in use, it waits for one first.
    pub async fn session(&self) -> Session {
        self.session_in(self.instances().room().enter_at_length().await)
    }

    fn session_in(&self, place: HeldPlace) -> Session {
        Session {
            invoker: self.clone(),
            made: None,
            _place: place,
        }
    }
}

// === impl Session ===

impl Session {
    /// Calls a function, as [`Invoker::call`].
    ///
    /// # Errors
    ///
    /// [`InvokeError`].
    pub async fn call(
        &mut self,
        function: &Function,
        arguments: &[Val],
    ) -> Result<Vec<Val>, InvokeError> {
        let instances = self.invoker.instances();
        let deadline = instances.deadline();
        let _running = instances.run();
        let made = self.made.take();
        let mut called = pin!(call_in(instances, made, deadline, function, arguments));
        let mut turns = TurnTaker::default();
        let called = poll_fn(|cx| turns.poll(called.as_mut(), cx));
        let ended = timeout_at(deadline.into(), called).await;
        match ended.unwrap_or_else(|_| Err(TimedOut.into())) {
            Ok((made, results)) => {
                self.made = Some(made);
                Ok(results)
            }
            Err(error) => Err(explained(instances, function, &error)),
        }
    }
}

/// Calls a function in an instance that was kept, or in a new one.
///
/// # Errors
///
/// [`TooLarge`], and what the instance fails with.
pub(crate) async fn call_in(
    instances: &Instances,
    made: Option<Made>,
    deadline: Instant,
    function: &Function,
    arguments: &[Val],
) -> wasmtime::Result<(Made, Vec<Val>)> {
    let (mut store, instance) = match made {
        Some(mut made) => {
            Instances::resume(&mut made.0, deadline);
            made
        }
        None => instances.instantiate(deadline).await?,
    };
    let passed = weight::of(arguments);
    store.data_mut().hold(passed).map_err(|_| TooLarge)?;
    let called = instance.get_func(&mut store, function.export);
    let called =
        called.ok_or_else(|| wasmtime::Error::msg("it is no function of this component"))?;
    let mut results = vec![Val::Bool(false); function.results().len()];
    let returned = called.call_async(&mut store, arguments, &mut results).await;
    returned.map_err(|error| Instances::explain(&store, error))?;
    let answered = weight::of(&results);
    store.data_mut().hold(answered)?;
    store.data_mut().release(passed + answered);
    Ok(((store, instance), results))
}

fn explained(instances: &Instances, function: &Function, error: &wasmtime::Error) -> InvokeError {
    if is_no_room(error) {
        return InvokeError::Busy;
    }
    let name = function.full_name();
    if error.is::<TooLarge>() {
        return InvokeError::TooLarge { function: name };
    }
    if error.is::<TimedOut>() {
        return InvokeError::TimedOut {
            function: name,
            timeout: instances.timeout(),
        };
    }
    let component = &**instances.name();
    tracing::debug!(component, "failed in {name}, which was invoked: {error:#}");
    let reason = match error.downcast_ref::<I32Exit>() {
        Some(I32Exit(code)) => format!("it ended its instance with the exit code {code}"),
        None => reason(error),
    };
    InvokeError::Failed {
        function: name,
        reason,
    }
}

/// Why a function failed, for its caller.
pub(crate) fn reason(error: &wasmtime::Error) -> String {
    let reason = error.root_cause().to_string();
    // The engine has no type for this refusal; a test of the program holds its words.
    if reason.contains("fuel allocated for hostcalls") {
        return "what it takes or returns needs more memory than the host may hold for it; raise \
                --memory"
            .to_owned();
    }
    reason
}
