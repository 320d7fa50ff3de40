use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};
use wasmtime_wasi::p3::bindings::CommandIndices;

use crate::state::State;

/// The `wasi:cli/run` that a component exports.
pub(crate) struct Run(CommandIndices);

// === impl Run ===

impl Run {
    /// # Errors
    ///
    /// When the component exports none of WASI 0.3.
    pub(crate) fn new(pre: &InstancePre<State>) -> wasmtime::Result<Self> {
        CommandIndices::new(pre).map(Self)
    }

    /// Runs it until it returns and all that it began has ended.
    pub(crate) async fn call(
        &self,
        store: &mut Store<State>,
        instance: &Instance,
    ) -> wasmtime::Result<Result<(), ()>> {
        let command = self.0.load(&mut *store, instance)?;
        store
            .run_concurrent(async |accessor| {
                let returned = command.wasi_cli_run().call_run(accessor).await?;
                std::future::poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
                Ok(returned)
            })
            .await?
    }
}
