//! The task that keeps the copy of a bucket up to date.
//!
//! It reads the last message of each key, and then what follows. After an interruption it goes on
//! where it was if the interruption was short and the stream is the same: created at the same time,
//! with the same message at the sequence that was read last. Otherwise it begins again, as a stream
//! that was restored or made again has other messages at the same sequences, and as a server may
//! remove the sign of a deletion after a second.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keywell_client::Backoff;
use keywell_store::Error;
use tokio::time::{Instant, sleep_until};

use super::copy::NearCopy;
use super::index::Update;
use crate::jetstream::api::{Api, Fault};
use crate::jetstream::consumer::{Consumer, Delivered, Next, Selection, Start};
use crate::jetstream::message::What;
use crate::jetstream::reading;
use crate::jetstream::stream::{Info, Stream};

/// After an interruption that was longer, it begins again. The least time that a sign of a deletion
/// is kept.
const SHORT: Duration = Duration::from_secs(1);
/// How often the connection is looked at.
const LOOK: Duration = Duration::from_millis(250);
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
            let error = Error::from(fault);
            tracing::debug!("the copy of a NATS bucket is interrupted: {error}");
            backoff.pause().await;
        }
    }

    async fn follow(&mut self, backoff: &mut Backoff) -> Result<Infallible, Fault> {
        let connection = self.copy.connection();
        self.api.check_connection()?;
        let floor = self.copy.floor();
        let info = self.stream.info(&self.api).await?;
        self.copy.cap_floor(floor, info.state.last_seq);
        let mut consumer = match self.resume(&info).await? {
            Some(consumer) => consumer,
            None => self.restart(&info).await?,
        };
        self.catch_up(&mut consumer, info.state.last_seq).await?;
        self.copy.complete(connection);
        backoff.reset();
        loop {
            let next = tokio::select! {
                next = consumer.next() => next?,
                () = self.copy.doubted() => {
                    return Err(Fault::Unreachable("its stream was made again".into()));
                }
                () = self.lost(connection) => {
                    return Err(Fault::Unreachable("the connection to NATS broke".into()));
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
                Next::Idle => {}
            }
        }
    }

    /// A consumer from where this was, if that is still the same stream.
    async fn resume(&self, info: &Info) -> Result<Option<Consumer>, Fault> {
        let Some(last) = self.copy.last() else {
            return Ok(None);
        };
        if self.heard.elapsed() >= SHORT || info.state.last_seq < self.copy.applied() {
            return Ok(None);
        }
        let mut consumer = self.open(Start::At(last)).await?;
        if let Next::Message(first) = consumer.next_stored().await? {
            let timestamp = (first.stored.sequence == last).then_some(first.at);
            if self.copy.is_same_stream(&info.created, timestamp) {
                return Ok(Some(consumer));
            }
        }
        consumer.close().await;
        Ok(None)
    }

    async fn restart(&self, info: &Info) -> Result<Consumer, Fault> {
        self.copy.restart(info.created.clone());
        self.open(Start::LastOfEach).await
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
                Next::Idle => {
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
        let mut updates = vec![self.update(first)];
        let mut ended = Ok(());
        while updates.len() < AT_ONCE {
            match consumer.received() {
                Some(Ok(Next::Message(delivered))) => updates.push(self.update(delivered)),
                Some(Ok(Next::Idle)) | None => break,
                Some(Err(fault)) => {
                    ended = Err(fault);
                    break;
                }
            }
        }
        self.copy.apply(updates);
        ended
    }

    fn update(&self, delivered: Delivered) -> Update {
        let Delivered { stored, at } = delivered;
        let value = match stored.what {
            What::Value { value, deadline } => {
                // Not a part of the connection's buffer, which would stay with it.
                let value = self.has_values.then(|| Bytes::copy_from_slice(&value));
                Some((deadline, value))
            }
            What::Gone { .. } => None,
        };
        Update {
            sequence: stored.sequence,
            at,
            key: self.stream.names.key(&stored.subject),
            value,
            batch: stored.batch,
        }
    }

    /// Waits until the connection is another, or none.
    async fn lost(&self, connection: u64) {
        while self.copy.connection() == connection && self.api.check_connection().is_ok() {
            sleep_until(Instant::now() + LOOK).await;
        }
    }
}
