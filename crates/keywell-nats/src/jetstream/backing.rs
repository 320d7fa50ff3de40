//! What the handles on a bucket share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use keywell_client::Queue;
use keywell_store::{
    Alphabet, Batching, BucketName, Capabilities, Cas, Durability, Error, Invalid, List,
    Listing as Lists, Page, Promptness, Result, Transacting, Watching,
};

use super::api::{Api, Fault};
use super::batch::{Batches, MOST_MESSAGES};
use super::listing::Listing;
use super::message::Stored;
use super::names::MAX_KEY_BYTES;
use super::reading::{self, Found};
use super::stream::{BucketOptions, NOT_FOUND, Stream};
use super::writing::{self, Message, Put};
use crate::near::copy::{Mark, NearCopy};

/// What a message has besides its value: the headers. Two of them can hold a subject.
const ENVELOPE: usize = 5 << 10;

/// A bucket's stream and how it is reached, with what its users take turns at.
pub(crate) struct Backing {
    pub(crate) api: Api,
    pub(crate) stream: Stream,
    pub(crate) counters: Queue,
    pub(crate) batches: Batches,
    pub(crate) listing: Listing,
    /// The copy of the bucket in this process, if there is one.
    pub(crate) copy: Option<Arc<NearCopy>>,
    /// What cursors and tokens are good for.
    pub(crate) scope: String,
    /// Whether it is one of Keywell's own, whose watches do not resume.
    pub(crate) is_reserved: bool,
    /// Whether the stream may be gone, so that it has to be looked up before it is opened again.
    is_doubtful: AtomicBool,
    bucket: BucketName,
    wanted: BucketOptions,
}

// === impl Backing ===

impl Backing {
    pub(crate) fn new(
        api: Api,
        stream: Stream,
        bucket: &BucketName,
        wanted: BucketOptions,
        is_reserved: bool,
        copy: Option<Arc<NearCopy>>,
    ) -> Self {
        Self {
            api,
            stream,
            counters: Queue::default(),
            batches: Batches::default(),
            listing: Listing::default(),
            copy,
            scope: format!("nats/{bucket}"),
            is_reserved,
            is_doubtful: AtomicBool::new(false),
            bucket: bucket.clone(),
            wanted,
        }
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        let usual = Capabilities::default();
        let (batch, transact, batch_keys) = if self.stream.has_batches {
            let transact = Transacting::Bucket {
                operations: MOST_MESSAGES,
                bytes: usual.batch_bytes,
            };
            (Batching::Atomic, transact, MOST_MESSAGES)
        } else {
            (Batching::Sequential, Transacting::None, usual.batch_keys)
        };
        let largest = self.api.max_payload();
        let largest = self
            .stream
            .max_message
            .map_or(largest, |max| max.min(largest));
        Capabilities {
            promptness: Promptness::Waits,
            cas: Cas::ByVersion,
            increment: true,
            list: Lists::Ordered,
            batch,
            transact,
            watch: if self.is_reserved {
                Watching::Lossy
            } else {
                Watching::Latest
            },
            ttl: self.stream.has_ttl,
            durability: Durability::Process,
            key_bytes: MAX_KEY_BYTES,
            value_bytes: largest.saturating_sub(ENVELOPE),
            batch_keys,
            alphabet: Alphabet::ALL,
            ..usual
        }
    }

    /// The subject of a key that is written or read.
    pub(crate) fn subject(&self, key: &str) -> Result<String> {
        if key.is_empty() {
            return Err(Invalid::EmptyKey.into());
        }
        self.capabilities().limits().check_length(key)?;
        Ok(self.stream.names.subject(key))
    }

    /// The last message of a subject.
    pub(crate) async fn last(&self, subject: &str) -> Result<Option<Stored>> {
        let (api, stream) = (&self.api, &self.stream);
        let mut last = reading::last(api, stream, subject).await;
        if last.is_err() && self.is_there_again().await {
            last = reading::last(api, stream, subject).await;
        }
        last.map_err(|fault| self.failed(fault))
    }

    /// The last messages of subjects, each once, by subject.
    pub(crate) async fn last_of_each(&self, subjects: Vec<String>) -> Result<Found> {
        self.last_within(subjects, usize::MAX).await
    }

    /// The same for a caller that can hold values of at most `max` bytes together.
    pub(crate) async fn last_within(&self, subjects: Vec<String>, max: usize) -> Result<Found> {
        let (api, stream) = (&self.api, &self.stream);
        let mut found = reading::last_of_each(api, stream, subjects.clone(), max).await;
        if matches!(found, Err(Error::Unavailable(_))) && self.is_there_again().await {
            found = reading::last_of_each(api, stream, subjects, max).await;
        }
        self.doubt_if_unavailable(found)
    }

    /// Stores a message.
    pub(crate) async fn put(&self, message: Message) -> Result<Put> {
        let begun = self.copy.as_ref().map(|copy| copy.mark());
        let (api, stream) = (&self.api, &self.stream);
        let mut put = writing::put(api, stream, message.clone()).await;
        // Nothing happened so far.
        if matches!(put, Err(Error::Unavailable(_))) && self.is_there_again().await {
            if message.has_predecessor() {
                return Ok(Put::Lost);
            }
            put = writing::put(api, stream, message).await;
        }
        self.settled(begun, put).await
    }

    /// Stores messages as one.
    pub(crate) async fn put_all(&self, messages: &[Message]) -> Result<Put> {
        let begun = self.copy.as_ref().map(|copy| copy.mark());
        let (api, stream) = (&self.api, &self.stream);
        let mut put = self.batches.put(api, stream, messages).await;
        if matches!(put, Err(Error::Unavailable(_))) && self.is_there_again().await {
            if messages.iter().any(Message::has_predecessor) {
                return Ok(Put::Lost);
            }
            put = self.batches.put(api, stream, messages).await;
        }
        self.settled(begun, put).await
    }

    /// Waits until readers of this process see what was stored.
    async fn settled(&self, begun: Option<Mark>, put: Result<Put>) -> Result<Put> {
        if let (Some(copy), Some(begun), Ok(Put::Done(sequence))) = (&self.copy, begun, &put) {
            copy.settle(begun, *sequence).await;
        }
        self.doubt_if_unavailable(put)
    }

    /// Waits until readers of this process see what a call found on the server.
    pub(crate) async fn found(&self, sequence: u64) {
        if let Some(copy) = &self.copy {
            copy.reach(sequence).await;
        }
    }

    /// A page of keys, and the sequence up to which they were read.
    pub(crate) async fn page(&self, request: &List) -> Result<(Page, u64)> {
        let (api, stream, scope) = (&self.api, &self.stream, &*self.scope);
        let mut page = self.listing.page(api, stream, scope, request).await;
        if matches!(page, Err(Error::Unavailable(_))) && self.is_there_again().await {
            page = self.listing.page(api, stream, scope, request).await;
        }
        self.doubt_if_unavailable(page)
    }

    /// Creates the stream again if it is gone, as one in memory is with its server. Answers whether
    /// it was.
    pub(crate) async fn is_there_again(&self) -> bool {
        if !self.wanted.is_created {
            return false;
        }
        match self.stream.info(&self.api).await {
            Err(fault) if fault.number() == Some(NOT_FOUND) => {
                let opened = Stream::open(&self.api, &self.bucket, &self.wanted).await;
                opened.is_ok_and(|stream| stream == self.stream)
            }
            _ => false,
        }
    }

    pub(crate) fn failed(&self, fault: Fault) -> Error {
        self.is_doubtful.store(true, Ordering::Relaxed);
        fault.into()
    }

    fn doubt_if_unavailable<T>(&self, done: Result<T>) -> Result<T> {
        if let Err(Error::Unavailable(_)) = &done {
            self.is_doubtful.store(true, Ordering::Relaxed);
        }
        done
    }

    /// Whether the stream may be gone.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.is_doubtful.load(Ordering::Relaxed)
    }
}

/// A message that deletes a key.
pub(crate) fn deletion(subject: String, expected: u64) -> Message {
    let mut headers = async_nats::HeaderMap::new();
    headers.insert(super::message::OPERATION, super::message::DELETE);
    Message {
        subject,
        headers,
        payload: Bytes::new(),
        expected: Some(expected),
    }
}
