//! Durable workers, for requests that name them.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use keywell_journal::{Error as JournalError, WorkerName};
use wasmtime::component::Val;

use super::refusal::Refusal;
use crate::invoke::{Function, Functions};
use crate::worker::{Invocation, WorkerError, WorkerNames, Workers};

/// The workers that requests may call.
pub(super) struct Working {
    workers: Workers,
    names: WorkerNames,
}

/// Why a worker gives no answer.
pub(super) enum Unanswered {
    Refused(Refusal),
    /// The status, and what the client may know.
    Conflicts(StatusCode, String),
}

// === impl Working ===

impl Working {
    /// The header that names an invocation.
    const KEY: &str = "idempotency-key";

    pub(super) fn new(workers: Workers, names: WorkerNames) -> Self {
        Self { workers, names }
    }

    /// What can be called.
    pub(super) fn functions(&self) -> &Functions {
        self.workers.functions()
    }

    /// What paths begin with, for clients.
    pub(super) fn prefix(&self, prefix: &str) -> String {
        match self.names {
            WorkerNames::One(_) => prefix.to_owned(),
            WorkerNames::Beginning(_) => format!("{prefix}/NAME"),
        }
    }

    /// The worker that a path names, and what is behind it; none if it names another one. A path that
    /// names none has nothing behind it.
    pub(super) fn split<'p>(&self, path: &'p str) -> Option<(Option<WorkerName>, &'p str)> {
        if let WorkerNames::One(name) = &self.names {
            return Some((Some(name.clone()), path));
        }
        let named = path.strip_prefix('/').unwrap_or(path);
        if named.is_empty() {
            return Some((None, ""));
        }
        let end = named.find('/').unwrap_or(named.len());
        let (name, rest) = named.split_at(end);
        let name: WorkerName = name.parse().ok()?;
        self.names.have(&name).then_some((Some(name), rest))
    }

    /// Calls a function of a worker; its answer in JSON.
    pub(super) async fn call(
        &self,
        worker: WorkerName,
        headers: &HeaderMap,
        function: &Function,
        arguments: &[Val],
        patience: Duration,
    ) -> Result<Bytes, Unanswered> {
        let key = headers.get(Self::KEY).map(|key| {
            let text = key.to_str().map(str::to_owned);
            text.map_err(|_| {
                let problem = "an idempotency key has letters, digits and signs of ASCII alone";
                Unanswered::Conflicts(StatusCode::BAD_REQUEST, problem.to_owned())
            })
        });
        let name = worker.clone();
        let invocation = Invocation {
            worker,
            key: key.transpose()?,
            function,
            arguments,
        };
        let answer = self.workers.invoke(invocation, patience).await;
        answer.map_err(|error| Unanswered::of(&name, &error))
    }
}

// === impl Unanswered ===

impl Unanswered {
    fn of(worker: &WorkerName, error: &WorkerError) -> Self {
        let conflicts = |text: String| Self::Conflicts(StatusCode::CONFLICT, text);
        match error {
            WorkerError::Busy => return Self::Refused(Refusal::Busy),
            WorkerError::Journal(JournalError::Conflict | JournalError::Held { .. }) => {
                return conflicts(error.to_string());
            }
            _ => tracing::warn!("worker {worker} has no answer: {error}"),
        }
        match error {
            WorkerError::Unready { .. } => Self::Refused(Refusal::Busy),
            WorkerError::OtherComponent { .. } => {
                conflicts(format!("worker {worker} runs another component"))
            }
            WorkerError::Journal(error) if error.stops() => conflicts(format!(
                "worker {worker} is stopped until its operator decides"
            )),
            WorkerError::Journal(JournalError::Store(_) | JournalError::Fenced { .. }) => {
                Self::Refused(Refusal::Busy)
            }
            _ => Self::Refused(Refusal::Failed),
        }
    }
}
