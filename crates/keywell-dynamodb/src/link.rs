//! Requests to DynamoDB: how often one is sent, and what becomes of it if no answer comes.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use keywell_client::{Backoff, Deadline};
use keywell_store::{Error, Failure, Result};

use crate::fault::{Answer, Fault};

/// How long an attempt may take at least. None after the first is made with less time, as it would
/// most likely be cut off, and leave a write in doubt.
const SHORTEST: Duration = Duration::from_millis(500);

const CLOSED: &str = "the store is closed";

/// The clients of a table.
pub(crate) struct Link {
    pub(crate) client: Client,
    pub(crate) streams: aws_sdk_dynamodbstreams::Client,
    pub(crate) table: String,
    answer_timeout: Duration,
    is_closed: AtomicBool,
}

/// Whether a request may be sent twice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// It may.
    Reads,
    /// Not unless it had no effect.
    Writes,
    /// It may, as it has a token by which DynamoDB performs it once.
    Settles,
}

// === impl Link ===

impl Link {
    pub(crate) fn new(
        config: &aws_config::SdkConfig,
        table: &str,
        answer_timeout: Duration,
    ) -> Self {
        Self {
            client: Client::new(config),
            streams: aws_sdk_dynamodbstreams::Client::new(config),
            table: table.to_owned(),
            answer_timeout,
            is_closed: AtomicBool::new(false),
        }
    }

    /// Sends a request, and again as far as its kind allows.
    ///
    /// # Errors
    ///
    /// What it failed with, unless it is an answer of the operation, which is returned within.
    pub(crate) async fn call<T, E, F>(
        &self,
        kind: Kind,
        send: impl Fn() -> F,
    ) -> Result<Result<T, E>>
    where
        F: Future<Output = Result<T, SdkError<E>>>,
        E: Answer,
    {
        self.call_until(self.deadline(), kind, send).await
    }

    /// The same, with another time for the answer.
    pub(crate) async fn call_until<T, E, F>(
        &self,
        deadline: Deadline,
        kind: Kind,
        send: impl Fn() -> F,
    ) -> Result<Result<T, E>>
    where
        F: Future<Output = Result<T, SdkError<E>>>,
        E: Answer,
    {
        self.send(deadline, kind, &mut None, send).await
    }

    /// Sends a request with a token by which DynamoDB performs it once, until it is answered.
    ///
    /// `doubt` is set to the failure of an attempt that may have had an effect, or may have one later.
    /// An answer of the operation does not clear it.
    pub(crate) async fn settle<T, E, F>(
        &self,
        deadline: Deadline,
        doubt: &mut Option<Failure>,
        send: impl Fn() -> F,
    ) -> Result<Result<T, E>>
    where
        F: Future<Output = Result<T, SdkError<E>>>,
        E: Answer,
    {
        self.send(deadline, Kind::Settles, doubt, send).await
    }

    async fn send<T, E, F>(
        &self,
        deadline: Deadline,
        kind: Kind,
        doubt: &mut Option<Failure>,
        send: impl Fn() -> F,
    ) -> Result<Result<T, E>>
    where
        F: Future<Output = Result<T, SdkError<E>>>,
        E: Answer,
    {
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(500));
        loop {
            if self.is_closed() {
                return Err(undone(CLOSED.into(), doubt.take()));
            }
            let limit = if kind == Kind::Writes {
                deadline
            } else {
                // Leaves time to send it again.
                deadline.min(Deadline::after((deadline.left() / 2).max(SHORTEST)))
            };
            let answered = limit.bound(Box::pin(send())).await;
            let fault = match answered {
                Ok(Ok(response)) => return Ok(Ok(response)),
                Ok(Err(error)) => Fault::of(error),
                Err(_) => Fault::Unanswered("DynamoDB does not answer in time".into()),
            };
            let failure = match fault {
                Fault::Answered(answer) => return Ok(Err(answer)),
                Fault::Refused(error) if doubt.is_none() => return Err(error),
                Fault::Refused(error) => {
                    return Err(undone(error.to_string().into(), doubt.take()));
                }
                Fault::Undone(failure) => failure,
                Fault::Unanswered(failure) => match kind {
                    Kind::Reads => failure,
                    Kind::Writes => return Err(Error::Ambiguous(failure)),
                    Kind::Settles => doubt.insert(failure).clone(),
                },
            };
            let pause = backoff.next_wait();
            if pause + SHORTEST > deadline.left() {
                return Err(undone(failure, doubt.take()));
            }
            wait(pause).await;
        }
    }

    /// The response to a request whose operation has no answers of interest but success.
    pub(crate) async fn get<T, E, F>(&self, kind: Kind, send: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T, SdkError<E>>>,
        E: Answer,
    {
        let answered = self.call(kind, send).await?;
        answered.map_err(|answer| self.unexpected(&answer))
    }

    /// The error for an answer that an operation should not get.
    pub(crate) fn unexpected<E: Answer>(&self, answer: &E) -> Error {
        let code = answer.code().unwrap_or_default();
        let message = answer.message().unwrap_or_default();
        let table = &self.table;
        if code == "ResourceNotFoundException" {
            return Error::Unavailable(format!("there is no table {table} ({message})").into());
        }
        Error::Internal(format!("DynamoDB answers {code}: {message}").into())
    }

    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::after(self.answer_timeout)
    }

    /// Sends no more.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }
}

/// Waits; there is nothing to wait for but time itself.
pub(crate) async fn wait(time: Duration) {
    let _ = Deadline::after(time).bound(pending::<()>()).await;
}

/// The error of a request whose last attempt had no effect.
fn undone(failure: Failure, doubt: Option<Failure>) -> Error {
    match doubt {
        None => Error::Unavailable(failure),
        Some(doubt) => Error::Ambiguous(doubt),
    }
}
