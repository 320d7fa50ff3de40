//! Several messages that are stored as one, or not at all.
//!
//! A server keeps a batch until its last message, the commit, and stores it then if what each message
//! expects holds. Readers see none of it before. The messages get consecutive sequences.

use std::time::Duration;

use keywell_client::{Backoff, Deadline};
use keywell_store::{Error, Failure, Result};
use tokio::sync::Semaphore;

use super::api::{Api, Fault};
use super::message::{BATCH, COMMIT, WRITER};
use super::reading;
use super::stream::Stream;
use super::writing::{self, Acknowledgement, EXPECTED, Message, Put};

/// The most messages of a batch.
pub(crate) const MOST_MESSAGES: usize = 1000;
/// How many batches of this process are open at once for a bucket. A server takes 50, from all.
const OPEN: usize = 16;

/// The subject whose last sequence a message expects, where it is not its own.
pub(crate) const EXPECTED_SUBJECT: &str = "Nats-Expected-Last-Subject-Sequence-Subject";
const NUMBER: &str = "Nats-Batch-Sequence";

/// The server has too many open batches.
const TOO_MANY: u64 = 10_210;

/// Stores batches of a bucket, a few at a time.
pub(crate) struct Batches(Semaphore);

// === impl Batches ===

impl Default for Batches {
    fn default() -> Self {
        Self(Semaphore::new(OPEN))
    }
}

impl Batches {
    /// Stores messages as one; the answer is the sequence of the last of them. Nothing is sent again.
    pub(crate) async fn put(
        &self,
        api: &Api,
        stream: &Stream,
        messages: &[Message],
    ) -> Result<Put> {
        let limit = Deadline::after(api.timeout());
        let busy = || Error::Unavailable("the bucket has too many open batches".into());
        let permit = limit.bound(self.0.acquire()).await.map_err(|_| busy())?;
        let _permit = permit.map_err(|_| busy())?;
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(200));
        loop {
            let identity = writing::identity();
            match send(api, messages, &identity).await {
                Ok(Acknowledgement { seq }) => return Ok(Put::Done(seq)),
                Err(fault) if fault.number() == Some(TOO_MANY) => {
                    limit.bound(backoff.pause()).await.map_err(|_| busy())?;
                }
                Err(fault) if writing::is_lost(&fault) => return Ok(Put::Lost),
                Err(fault) => {
                    let failure = fault.doubt().map_err(Error::from)?;
                    return settle(api, stream, messages, &identity, failure).await;
                }
            }
        }
    }
}

async fn send(api: &Api, messages: &[Message], identity: &str) -> Result<Acknowledgement, Fault> {
    let count = messages.len();
    for (number, message) in (1..).zip(messages) {
        let Message {
            subject,
            mut headers,
            payload,
            expected,
        } = message.clone();
        headers.insert(WRITER, identity);
        headers.insert(BATCH, identity);
        headers.insert(NUMBER, number.to_string());
        if let Some(expected) = expected {
            headers.insert(EXPECTED, expected.to_string());
        }
        if number == count {
            headers.insert(COMMIT, "1");
            return api.publish(&subject, headers, payload).await;
        }
        if number == 1 {
            // Whether the server takes the batch at all.
            api.open_batch(&subject, headers, payload).await?;
        } else {
            api.add_to_batch(&subject, headers, payload).await?;
        }
    }
    Err(Fault::Unreachable("a batch without messages".into()))
}

/// Whether a batch is stored whose commit was not acknowledged: then its last message is there.
async fn settle(
    api: &Api,
    stream: &Stream,
    messages: &[Message],
    identity: &str,
    failure: Failure,
) -> Result<Put> {
    let limit = Deadline::after(api.timeout());
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(500));
    let Some(last) = messages.last() else {
        return Err(Error::Ambiguous(failure));
    };
    loop {
        let read = limit.bound(reading::of_leader(api, stream, &last.subject));
        match read.await {
            Ok(Ok(Some(stored))) if stored.writer.as_deref() == Some(identity) => {
                return Ok(Put::Done(stored.sequence));
            }
            Ok(Err(_)) if limit.bound(backoff.pause()).await.is_ok() => {}
            _ => return Err(Error::Ambiguous(failure)),
        }
    }
}
