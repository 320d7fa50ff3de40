use std::future::poll_fn;
use std::pin::pin;

use wasmtime::{FrameInfo, WasmBacktrace};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p2::bindings::CommandIndices;

use crate::Error;
use crate::instance::{Instances, Made};
use crate::p3::Run;
use crate::state::TimedOut;
use crate::turn::TurnTaker;

/// A component to run once, from start to end, as a command.
pub struct Command {
    instances: Instances,
    exports: Exports,
}

/// By which of its exports it runs.
enum Exports {
    /// `wasi:cli/run@0.2`.
    P2(CommandIndices),
    /// `wasi:cli/run@0.3`.
    P3(Run),
}

// === impl Command ===

impl Command {
    pub(crate) fn new(instances: Instances) -> Result<Self, Error> {
        let exports = Exports::of(&instances)?;
        let instances = instances.printing_raw();
        Ok(Self { instances, exports })
    }

    /// Runs it and returns its exit code: 0 for success, 1 if it fails without a code. If all
    /// instances are in use, it waits for one first. Its output is passed on unchanged. While
    /// nothing reads that, the component waits, within its time; all of it is written on return.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] when it traps or runs out of time, or what it printed cannot be written.
    pub async fn run(&self) -> Result<u8, Error> {
        let ended = self.call().await;
        let written = self.instances.printer().done().await;
        let code = ended?;
        written.map_err(|error| Error::Failed(format!("cannot write its output: {error}")))?;
        Ok(code)
    }

    async fn call(&self) -> Result<u8, Error> {
        let _place = self.instances.room().enter_at_length().await;
        let deadline = self.instances.deadline();
        let _running = self.instances.run();
        let called = async {
            let mut made = self.instances.instantiate(deadline).await?;
            let called = self.exports.call(&mut made).await;
            called.map_err(|error| Instances::explain(&made.0, error))
        };
        let mut called = pin!(called);
        let mut turns = TurnTaker::default();
        let called = poll_fn(|cx| turns.poll(called.as_mut(), cx));
        let called = tokio::time::timeout_at(deadline.into(), called).await;
        match called.unwrap_or_else(|_| Err(TimedOut.into())) {
            Ok(Ok(())) => Ok(0),
            Ok(Err(())) => Ok(1),
            Err(error) => {
                if let Some(I32Exit(code)) = error.downcast_ref() {
                    return Ok(u8::try_from(*code).unwrap_or(1));
                }
                tracing::debug!("the command failed: {error:#}");
                Err(Error::Failed(sentence(&error)))
            }
        }
    }
}

// === impl Exports ===

impl Exports {
    /// The later one, if a component has both.
    fn of(instances: &Instances) -> Result<Self, Error> {
        if let Ok(run) = Run::new(instances.pre()) {
            return Ok(Self::P3(run));
        }
        let exports = CommandIndices::new(instances.pre());
        exports.map(Self::P2).map_err(|_| {
            let component = instances.pre().component();
            let wanted = "wasi:cli/run@0.2 or wasi:cli/run@0.3";
            Error::no_export(wanted, "`keywell run`", component)
        })
    }

    async fn call(&self, (store, instance): &mut Made) -> wasmtime::Result<Result<(), ()>> {
        match self {
            Self::P2(exports) => {
                let command = exports.load(&mut *store, instance)?;
                command.wasi_cli_run().call_run(store).await
            }
            Self::P3(run) => run.call(store, instance).await,
        }
    }
}

/// What a guest failed with, and in which of its functions, where it has names.
fn sentence(error: &wasmtime::Error) -> String {
    let cause = error.root_cause();
    let backtrace = error.downcast_ref::<WasmBacktrace>();
    let frames = backtrace.map_or_else(Default::default, WasmBacktrace::frames);
    let names = frames.iter().filter_map(FrameInfo::func_name);
    let names = names.map(|name| format!("{:#}", rustc_demangle::demangle(name)));
    match names.into_iter().find(|name| !is_how_rust_panics(name)) {
        Some(function) => format!("{cause}, in {function}"),
        None => cause.to_string(),
    }
}

/// Whether a function stands between a panic of Rust and its trap.
fn is_how_rust_panics(function: &str) -> bool {
    let parts = [
        "core::", "std::", "alloc::", "<core::", "<std::", "<alloc::", "rust_", "__rust",
    ];
    function == "abort" || parts.iter().any(|part| function.starts_with(part))
}
