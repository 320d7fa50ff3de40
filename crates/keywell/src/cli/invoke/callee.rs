use std::time::Duration;

use keywell_journal::WorkerName;
use keywell_runtime::invoke::{Functions, InvokeError, Session};
use keywell_runtime::worker::{self, Invocation, WorkerError, Workers};

use super::notation::Notation;
use crate::cli::failed::Failed;

/// What is called.
pub(super) enum Callee {
    /// An instance, with what earlier calls left in its memory.
    Instance(Box<Session>),
    Worker {
        workers: Workers,
        worker: WorkerName,
        key: Option<String>,
    },
}

// === impl Callee ===

impl Callee {
    /// How long a worker may take to run what it was asked before.
    const PATIENCE: Duration = Duration::from_hours(24);

    /// Makes a call, and answers what it returns, as it is printed.
    pub(super) async fn call(
        &mut self,
        functions: &Functions,
        notation: Notation,
        text: &str,
    ) -> Result<Vec<String>, Failed> {
        let (function, arguments) = notation.read(text, functions)?;
        let results = match self {
            Self::Instance(session) => {
                let called = session.call(function, &arguments).await;
                called.map_err(|error| match error {
                    InvokeError::TimedOut { .. } => {
                        Failed::Failure(format!("{error}; raise --timeout"))
                    }
                    InvokeError::TooLarge { .. } => {
                        Failed::Usage(format!("{error}; raise --memory"))
                    }
                    error => Failed::Failure(error.to_string()),
                })?
            }
            Self::Worker {
                workers,
                worker,
                key,
            } => {
                let invocation = Invocation {
                    worker: worker.clone(),
                    key: key.clone(),
                    function,
                    arguments: &arguments,
                };
                let failed = |error: &dyn std::fmt::Display| Failed::Failure(error.to_string());
                let answer = workers.invoke(invocation, Self::PATIENCE).await;
                let answer = answer.map_err(|error: WorkerError| failed(&error))?;
                worker::answer(function, &answer).map_err(|error| failed(&error))?
            }
        };
        notation.write(function, &results)
    }

    /// Lets other processes call the worker from now on.
    pub(super) async fn release(self) {
        if let Self::Worker { workers, .. } = self {
            workers.release().await;
        }
    }
}
