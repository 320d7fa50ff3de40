use std::future::poll_fn;
use std::pin::pin;

use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p2::bindings::CommandPre;

use crate::Error;
use crate::instance::Instances;
use crate::state::{State, TimedOut};
use crate::turn;

/// A component to run once, from start to end, as a command.
pub struct Command {
    instances: Instances,
    pre: CommandPre<State>,
}

// === impl Command ===

impl Command {
    pub(crate) fn new(instances: Instances) -> Result<Self, Error> {
        let pre = CommandPre::new(instances.pre().clone()).map_err(|_| Error::NoExport {
            wanted: "wasi:cli/run@0.2",
            command: "run",
            has: Instances::exports(instances.pre().component()),
        })?;
        Ok(Self { instances, pre })
    }

    /// Runs it and answers its exit code: 0 for success, 1 where it only says that it failed.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] when it traps or runs out of time.
    pub async fn run(&self) -> Result<u8, Error> {
        let deadline = self.instances.deadline();
        let _running = self.instances.run();
        let mut store = self.instances.store(deadline);
        let called = async {
            let command = self.pre.instantiate_async(&mut store).await?;
            command.wasi_cli_run().call_run(&mut store).await
        };
        let mut called = pin!(called);
        let called = poll_fn(|cx| turn::poll(called.as_mut(), cx));
        let called = tokio::time::timeout_at(deadline.into(), called).await;
        match called.unwrap_or_else(|_| Err(TimedOut.into())) {
            Ok(Ok(())) => Ok(0),
            Ok(Err(())) => Ok(1),
            Err(error) => match error.downcast_ref::<I32Exit>() {
                Some(I32Exit(code)) => Ok(u8::try_from(*code).unwrap_or(1)),
                None => Err(Error::Failed(format!("{error:#}"))),
            },
        }
    }
}
