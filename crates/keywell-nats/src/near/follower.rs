//! The task that keeps the copy of a bucket up to date.
//!
//! It reads the last message of each key, and then what follows. After an interruption it goes on
//! where it was if the interruption was short and the stream is the same: created at the same time,
//! with the same message at the sequence that was read last. Otherwise it begins again, as a stream
//! that was restored or made again has other messages at the same sequences, and as a server removes
//! the message of an expiry after a while.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keywell_client::Backoff;
use keywell_store::Error;
use tokio::time::Instant;

use super::copy::NearCopy;
use super::index::Arrival;
use crate::jetstream::api::{Api, Fault};
use crate::jetstream::consumer::{Consumer, Next, Selection, Start};
use crate::jetstream::message::{Delivered, What};
use crate::jetstream::reading;
use crate::jetstream::stream::{Info, Stream};

/// After an interruption that was longer, it begins again.
const SHORT: Duration = Duration::from_mins(1);
/// The least time that servers keep the message of an expiry.
const LEAST_MARKERS: Duration = Duration::from_secs(1);
/// How many messages are applied at a time.
const AT_ONCE: usize = 256;

/// Follows a stream.
pub(super) struct Follower {
    api: Api,
    stream: Stream,
    copy: Arc<NearCopy>,
    /// Whether values are copied, too.
    has_values: bool,
    /// When something was heard of the stream.
    heard: Instant,
    /// Whether a connection broke since the copy was complete.
    is_interrupted: bool,
}

// === impl Follower ===

impl Follower {
    pub(super) fn new(api: Api, stream: Stream, copy: Arc<NearCopy>, has_values: bool) -> Self {
        Self {
            api,
            stream,
            copy,
            has_values,
            heard: Instant::now(),
            is_interrupted: false,
        }
    }

    /// Follows until the store is closed.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(1));
        loop {
            let Err(fault) = self.follow(&mut backoff).await;
            self.copy.abandon();
            if self.api.is_closed() {
                return;
            }
            self.is_interrupted |= matches!(fault, Fault::Broken);
            let error = Error::from(fault);
            tracing::debug!("the copy of a NATS bucket is interrupted: {error}");
            backoff.pause().await;
        }
    }

    async fn follow(&mut self, backoff: &mut Backoff) -> Result<Infallible, Fault> {
        let connection = self.copy.connection();
        let floor = self.copy.floor();
        let info = self.stream.info(&self.api).await?;
        self.copy.cap_floor(floor, info.state.last_seq);
        let mut consumer = if self.can_resume(&info).await? {
            backoff.reset();
            self.step_over(self.copy.received() + 1).await?
        } else {
            self.restart(&info).await?
        };
        self.catch_up(&mut consumer, info.state.last_seq).await?;
        // The consumer notices only what is lost later.
        if self.copy.connection() != connection {
            return Err(Fault::Broken);
        }
        self.copy.complete(connection);
        self.is_interrupted = false;
        backoff.reset();
        loop {
            let next = tokio::select! {
                next = consumer.next() => next?,
                () = self.copy.doubted() => {
                    return Err(Fault::Unreachable("its stream was made again".into()));
                }
            };
            self.heard = Instant::now();
            match next {
                Next::Message(delivered) => self.take(&mut consumer, delivered)?,
                Next::Idle if self.copy.applied() < self.copy.floor() => {
                    let floor = self.copy.floor();
                    let last = self.stream.info(&self.api).await?.state.last_seq;
                    self.copy.cap_floor(floor, last);
                    self.skip(last).await?;
                }
                Next::Idle | Next::Ended => self.copy.end(),
            }
        }
    }

    /// Whether it can go on where it was.
    async fn can_resume(&self, info: &Info) -> Result<bool, Fault> {
        let Some(last) = self.copy.last() else {
            return Ok(false);
        };
        let markers = self.stream.markers.unwrap_or(SHORT);
        let short = (markers / 2).clamp(LEAST_MARKERS, SHORT);
        if self.heard.elapsed() >= short || info.state.last_seq < self.copy.applied() {
            return Ok(false);
        }
        let found = reading::first_from(&self.api, &self.stream, last).await?;
        let found = found.filter(|found| found.stored.sequence == last);
        let timestamp = found.map(|found| found.at);
        Ok(self.copy.is_same_stream(&info.created, timestamp))
    }

    async fn restart(&self, info: &Info) -> Result<Consumer, Fault> {
        let begun = self.copy.last();
        self.copy.restart(info.created.clone());
        if self.is_interrupted && begun.is_none() {
            return self.step_over(info.state.first_seq).await;
        }
        self.open(Start::LastOfEach).await
    }

    /// Passes what may have ended the last connection, and goes on behind it.
    async fn step_over(&self, sequence: u64) -> Result<Consumer, Fault> {
        let passed = reading::step_over(&self.api, &self.stream, sequence).await?;
        let next = passed
            .last()
            .map_or(sequence, |last| last.stored.sequence + 1);
        self.copy
            .apply(passed.into_iter().map(|passed| self.arrival(passed)));
        self.open(Start::At(next)).await
    }

    async fn open(&self, start: Start) -> Result<Consumer, Fault> {
        let selection = Selection {
            start,
            subjects: vec![self.stream.names.all()],
            is_brief: !self.has_values,
        };
        Consumer::open(&self.api, &self.stream, selection).await
    }

    /// Reads all that the stream had.
    async fn catch_up(&mut self, consumer: &mut Consumer, upto: u64) -> Result<(), Fault> {
        let mut backoff = Backoff::new(Duration::from_millis(5), Duration::from_millis(200));
        while self.copy.applied() < upto {
            match consumer.next_stored().await? {
                Next::Message(delivered) => self.take(consumer, delivered)?,
                Next::Idle | Next::Ended => {
                    self.skip(upto).await?;
                    if self.copy.applied() < upto {
                        backoff.pause().await;
                    }
                }
            }
            self.heard = Instant::now();
        }
        Ok(())
    }

    /// Goes on to a sequence if nothing is left before it. Where messages are left, the server that
    /// delivers lags behind the leader.
    async fn skip(&self, upto: u64) -> Result<(), Fault> {
        let last = reading::of_leader(&self.api, &self.stream, &self.stream.names.all()).await?;
        if last.is_none_or(|last| last.sequence <= self.copy.received()) {
            self.copy.advance(upto);
        }
        Ok(())
    }

    /// Applies a message, with those that are here already.
    fn take(&self, consumer: &mut Consumer, first: Delivered) -> Result<(), Fault> {
        let mut arrivals = vec![self.arrival(first)];
        let mut ended = Ok(());
        while arrivals.len() < AT_ONCE {
            match consumer.received() {
                Some(Ok(Next::Message(delivered))) => arrivals.push(self.arrival(delivered)),
                Some(Ok(Next::Idle | Next::Ended)) | None => break,
                Some(Err(fault)) => {
                    ended = Err(fault);
                    break;
                }
            }
        }
        self.copy.apply(arrivals);
        ended
    }

    fn arrival(&self, delivered: Delivered) -> Arrival {
        let Delivered {
            stored,
            at,
            is_last,
            ..
        } = delivered;
        let value = match stored.what {
            What::Value { value, deadline } => {
                // Not a part of the connection's buffer, which would stay with it.
                let value = self.has_values.then(|| Bytes::copy_from_slice(&value));
                Some((deadline, value))
            }
            What::Gone { .. } => None,
        };
        Arrival {
            sequence: stored.sequence,
            at,
            key: self.stream.names.key(&stored.subject),
            value,
            batch: stored.batch,
            is_last,
        }
    }
}
