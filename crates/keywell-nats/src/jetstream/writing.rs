//! Writes of one message, each sent once.
//!
//! A write that was sent and not acknowledged is settled by reading. Each has an identity of its own,
//! so the last message of its key shows whether it is there. Where the write expected a predecessor
//! that is still last, it is sent again, with the same identity and the same expectation: so it takes
//! effect once, even if the first sending arrives late. Without an expectation a second sending could
//! overwrite what is newer, so nothing is sent again.

use std::time::Duration;

use async_nats::{HeaderMap, HeaderValue};
use bytes::Bytes;
use keywell_client::{Backoff, Deadline};
use keywell_store::{Error, Failure, Result};
use serde::Deserialize;

use super::api::{Api, Fault};
use super::message::WRITER;
use super::reading;
use super::stream::Stream;

/// What must be the sequence of the last message of the subject.
pub(crate) const EXPECTED: &str = "Nats-Expected-Last-Subject-Sequence";

/// The server's errors for an expectation that does not hold.
const WRONG: u64 = 10_071;
/// One that may hold later: another write of the key is in flight.
const IN_FLIGHT: [u64; 2] = [10_163, 10_164];

/// A message that is to be stored.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) subject: String,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Bytes,
    /// The sequence of the message that has to be the subject's last, 0 for none.
    pub(crate) expected: Option<u64>,
}

// === impl Message ===

impl Message {
    /// Whether it is stored only behind a certain message, which a stream that is made again does
    /// not have.
    pub(crate) fn has_predecessor(&self) -> bool {
        let of_other = self.headers.get(EXPECTED).map(HeaderValue::as_str);
        self.expected.is_some_and(|expected| expected > 0) || of_other.is_some_and(|of| of != "0")
    }
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// Stored, at this sequence.
    Done(u64),
    /// Nothing is stored: another message is the last, or is about to be.
    Lost,
}

/// The server's acknowledgement.
#[derive(Deserialize)]
pub(crate) struct Acknowledgement {
    pub(crate) seq: u64,
}

/// Stores a message.
pub(crate) async fn put(api: &Api, stream: &Stream, mut message: Message) -> Result<Put> {
    let identity = identity();
    message.headers.insert(WRITER, &*identity);
    if let Some(expected) = message.expected {
        message.headers.insert(EXPECTED, expected.to_string());
    }
    match send(api, &message).await {
        Ok(Acknowledgement { seq }) => Ok(Put::Done(seq)),
        Err(fault) if is_lost(&fault) => Ok(Put::Lost),
        Err(fault) => match fault.doubt() {
            Ok(failure) => settle(api, stream, &message, &identity, failure).await,
            Err(fault) => Err(fault.into()),
        },
    }
}

/// One that no other write has.
pub(crate) fn identity() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Whether the server refused it because an expectation does not hold.
pub(crate) fn is_lost(fault: &Fault) -> bool {
    let number = fault.number();
    number.is_some_and(|number| number == WRONG || IN_FLIGHT.contains(&number))
}

async fn send(api: &Api, message: &Message) -> Result<Acknowledgement, Fault> {
    let Message {
        subject,
        headers,
        payload,
        ..
    } = message;
    api.publish(subject, headers.clone(), payload.clone()).await
}

async fn settle(
    api: &Api,
    stream: &Stream,
    message: &Message,
    identity: &str,
    failure: Failure,
) -> Result<Put> {
    let deadline = Deadline::after(api.timeout());
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(500));
    let in_doubt = || Err(Error::Ambiguous(failure.clone()));
    loop {
        let read = deadline.bound(reading::of_leader(api, stream, &message.subject));
        match read.await {
            // Its time is over.
            Err(_) => return in_doubt(),
            Ok(Err(_)) => {
                if deadline.bound(backoff.pause()).await.is_err() {
                    return in_doubt();
                }
            }
            Ok(Ok(last)) => {
                let last = last.map(|last| (last.sequence, last.writer));
                let (sequence, writer) = last.unwrap_or_default();
                if writer.as_deref() == Some(identity) {
                    return Ok(Put::Done(sequence));
                }
                if message.expected != Some(sequence) {
                    return in_doubt();
                }
                // Either sending takes effect, and the other is refused.
                match deadline.bound(send(api, message)).await {
                    Ok(Ok(Acknowledgement { seq })) => return Ok(Put::Done(seq)),
                    // The first one may have arrived by now.
                    _ => {
                        if deadline.bound(backoff.pause()).await.is_err() {
                            return in_doubt();
                        }
                    }
                }
            }
        }
    }
}
