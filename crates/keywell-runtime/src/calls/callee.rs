use std::sync::Arc;
use std::time::Instant;

use tokio::time::timeout_at;
use wasmtime::StoreContextMut;
use wasmtime::component::{Component, ComponentExportIndex, Val};

use super::weight;
use crate::instance::{Instances, is_no_room};
use crate::state::{State, TimedOut};

/// A component that answers imports of others, each call in an instance of its own.
/// [`Runtime::callee`](crate::Runtime::callee) makes it.
#[derive(Clone)]
pub struct Callee(Arc<Instances>);

/// A function of a callee that answers an import.
#[derive(Clone)]
pub(super) struct Function {
    pub(super) callee: Callee,
    /// With its interface, for messages.
    pub(super) name: Arc<str>,
    pub(super) export: ComponentExportIndex,
}

/// What a caller fails with since its callee failed. It has the cause as text, so that nothing takes
/// a failure of the callee for one of the caller.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the component {component} failed in {function}: {cause}")]
struct CalleeFailed {
    component: Arc<str>,
    function: Arc<str>,
    cause: String,
}

// === impl Callee ===

impl Callee {
    pub(crate) fn new(instances: Instances) -> Self {
        Self(Arc::new(instances))
    }

    /// How many components a call to it may go through, itself included.
    pub(crate) fn chain(&self) -> u32 {
        self.0.chain()
    }

    pub(super) fn name(&self) -> &Arc<str> {
        self.0.name()
    }

    pub(super) fn component(&self) -> &Component {
        self.0.pre().component()
    }
}

// === impl Function ===

impl Function {
    /// Calls it for a guest, which waits.
    pub(super) async fn call(
        &self,
        mut caller: StoreContextMut<'_, State>,
        params: &[Val],
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        let until = caller.data().deadline();
        let passed = weight::of(params);
        caller.data_mut().hold(passed)?;
        self.run(until, params, passed, results).await?;
        // They are copied to the caller next, and then dropped.
        let answered = weight::of(results);
        caller.data_mut().hold(answered)?;
        caller.data_mut().release(passed + answered);
        Ok(())
    }

    /// Runs it until it is done, its time is up, or that of its caller is.
    async fn run(
        &self,
        until: Instant,
        params: &[Val],
        passed: usize,
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        let instances = &self.callee.0;
        let deadline = instances.deadline().min(until);
        let running = self.run_instance(deadline, params, passed, results);
        let ended = timeout_at(deadline.into(), running).await;
        let Err(error) = ended.unwrap_or_else(|_| Err(TimedOut.into())) else {
            return Ok(());
        };
        // These say nothing of the callee.
        let is_late = deadline == until && error.is::<TimedOut>();
        if is_late || is_no_room(&error) {
            return Err(error);
        }
        let (component, function) = (instances.name().clone(), self.name.clone());
        tracing::debug!(
            component = &*component,
            "failed in {function}, which another component called: {error:#}"
        );
        Err(CalleeFailed {
            component,
            function,
            cause: error.root_cause().to_string(),
        }
        .into())
    }

    async fn run_instance(
        &self,
        deadline: Instant,
        params: &[Val],
        passed: usize,
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        let (mut store, instance) = self.callee.0.instantiate(deadline).await?;
        store.data_mut().hold(passed)?;
        let function = instance.get_func(&mut store, self.export);
        let function = function.expect("it is one of the component's exports");
        let called = function.call_async(&mut store, params, results).await;
        called.map_err(|error| Instances::explain(&store, error))?;
        store.data_mut().hold(weight::of(results))?;
        Ok(())
    }
}
