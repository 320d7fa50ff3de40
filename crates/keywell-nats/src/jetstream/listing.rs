//! Listings of a bucket, from what its stream holds: the last message of each subject, without values.
//!
//! The first page of a listing reads them all. What was read is kept for the pages after it, which
//! add what changed since, so that each page is as of its own request. It is kept for half a minute,
//! and until the last page is taken. A cursor has the sequence up to which its listing had read, so
//! any process can go on from it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::{Duration, SystemTime};

use keywell_client::{Backoff, Deadline as Limit};
use keywell_store::{Cursor, Failure, Invalid, List, Page, Result};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::api::{Api, Fault};
use super::consumer::{Consumer, Next, Selection, Start};
use super::message::{Deadline, Stored};
use super::reading;
use super::stream::Stream;

/// How long what was read serves the pages of a listing.
const KEPT: Duration = Duration::from_secs(30);
/// How often reading begins again where it fails.
const ATTEMPTS: usize = 3;
/// How often it goes on where the connection breaks.
const INTERRUPTIONS: usize = 16;

/// The keys of a bucket, as they were read last.
#[derive(Default)]
pub(crate) struct Listing(Mutex<Option<Keys>>);

/// The keys of a bucket up to a sequence.
struct Keys {
    /// When each key expires.
    deadlines: BTreeMap<String, Option<Deadline>>,
    sequence: u64,
    read: Instant,
}

// === impl Listing ===

impl Listing {
    /// A page of keys, and the sequence up to which they were read.
    pub(crate) async fn page(
        &self,
        api: &Api,
        stream: &Stream,
        scope: &str,
        request: &List,
    ) -> Result<(Page, u64)> {
        let after = match &request.cursor {
            None => None,
            Some(cursor) => {
                let position = cursor.position(scope, &request.prefix)?;
                Some(parse(&position).ok_or(Invalid::Cursor)?)
            }
        };
        let mut kept = self.0.lock().await;
        let begun = after.as_ref().map(|(sequence, _)| *sequence);
        let usable = kept.take().filter(|keys| {
            keys.read.elapsed() < KEPT && begun.is_some_and(|begun| begun <= keys.sequence)
        });
        let keys = match usable {
            Some(keys) => keys.renewed(api, stream).await?,
            None => Keys::read(api, stream).await?,
        };
        let (page, last) = keys.page(request, after.as_ref().map(|(_, key)| &**key));
        let sequence = keys.sequence;
        let cursor = last.map(|last| seal(scope, &request.prefix, sequence, &last));
        if cursor.is_some() {
            *kept = Some(keys);
        }
        let page = Page {
            keys: page,
            cursor,
            ..Page::default()
        };
        Ok((page, sequence))
    }
}

/// A cursor that goes on behind a key, in a listing that had read up to a sequence.
pub(crate) fn seal(scope: &str, prefix: &str, sequence: u64, key: &str) -> Cursor {
    let mut position = sequence.to_be_bytes().to_vec();
    position.extend(key.as_bytes());
    Cursor::seal(scope, prefix, &position)
}

/// The sequence and the key in a cursor's position.
pub(crate) fn parse(position: &[u8]) -> Option<(u64, String)> {
    let (sequence, key) = position.split_first_chunk()?;
    let key = String::from_utf8(key.to_vec()).ok()?;
    Some((u64::from_be_bytes(*sequence), key))
}

/// If a bucket has no key, or only such as have expired: up to which sequence that was read.
pub(crate) async fn empty_up_to(api: &Api, stream: &Stream) -> Result<Option<u64>> {
    let keys = Keys::read(api, stream).await?;
    let now = SystemTime::now();
    let is_empty = keys.live(now, Bound::Unbounded).next().is_none();
    Ok(is_empty.then_some(keys.sequence))
}

// === impl Keys ===

impl Keys {
    async fn read(api: &Api, stream: &Stream) -> Result<Self> {
        let empty = || Self {
            deadlines: BTreeMap::new(),
            sequence: 0,
            read: Instant::now(),
        };
        let mut attempt = 1;
        loop {
            let mut keys = empty();
            match keys.advance(api, stream, Start::LastOfEach).await {
                Ok(()) => return Ok(keys),
                Err(fault) if attempt == ATTEMPTS => return Err(fault.into()),
                Err(_) => attempt += 1,
            }
        }
    }

    /// The same with what changed since.
    async fn renewed(mut self, api: &Api, stream: &Stream) -> Result<Self> {
        let start = Start::At(self.sequence + 1);
        if self.advance(api, stream, start).await.is_ok() {
            return Ok(self);
        }
        Self::read(api, stream).await
    }

    /// Reads up to what is the last message by now.
    async fn advance(&mut self, api: &Api, stream: &Stream, start: Start) -> Result<(), Fault> {
        let made_again =
            || Fault::Unreachable("the bucket was made again while it was listed".into());
        let info = stream.info(api).await?;
        let state = info.state;
        let upto = state.last_seq;
        if upto < self.sequence {
            return Err(made_again());
        }
        if state.messages == 0 {
            self.deadlines.clear();
        }
        if state.messages == 0 || upto == self.sequence {
            self.sequence = upto;
            return Ok(());
        }
        let mut start = start;
        for _ in 0..INTERRUPTIONS {
            let loss = api.link().loss();
            match self.read_on(api, stream, start, upto).await {
                Err(Fault::Broken) => {}
                Err(fault) => return Err(fault),
                Ok(()) => {
                    self.sequence = self.sequence.max(upto);
                    return Ok(());
                }
            }
            api.recover(loss).await?;
            if stream.info(api).await?.created != info.created {
                return Err(made_again());
            }
            for passed in reading::step_over(api, stream, self.sequence + 1).await? {
                self.apply(stream, &passed.stored);
            }
            start = Start::At(self.sequence + 1);
        }
        let subject = api.unsound().any().unwrap_or_default();
        let what = format!(
            "too many messages of the bucket end the connections that read it, such as the one on \
             {subject}; set or delete their keys"
        );
        Err(Fault::Unreachable(Failure::new(what)))
    }

    /// Reads up to a sequence, and until there is no more: a key that is written meanwhile comes last.
    async fn read_on(
        &mut self,
        api: &Api,
        stream: &Stream,
        start: Start,
        upto: u64,
    ) -> Result<(), Fault> {
        let selection = Selection {
            start,
            subjects: vec![stream.names.all()],
            is_brief: true,
        };
        let mut consumer = Consumer::open(api, stream, selection).await?;
        let limit = Limit::after(api.timeout());
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(200));
        loop {
            match consumer.next_stored().await? {
                Next::Message(message) => self.apply(stream, &message.stored),
                // The last message is gone by now, as markers are after a while; or the server that
                // delivers lags behind the stream's leader, as a busy one does also by itself.
                Next::Idle | Next::Ended => {
                    if self.sequence >= upto {
                        break;
                    }
                    let last = reading::of_leader(api, stream, &stream.names.all()).await?;
                    if last.is_none_or(|last| last.sequence <= self.sequence) {
                        break;
                    }
                    if limit.bound(backoff.pause()).await.is_err() {
                        let what = "a server of the bucket lags behind its leader";
                        return Err(Fault::Unreachable(what.into()));
                    }
                }
            }
        }
        consumer.close().await;
        Ok(())
    }

    fn apply(&mut self, stream: &Stream, stored: &Stored) {
        self.sequence = stored.sequence;
        let Some(key) = stream.names.key(&stored.subject) else {
            return;
        };
        if stored.is_live(SystemTime::now()) {
            self.deadlines.insert(key, stored.deadline());
        } else {
            self.deadlines.remove(&key);
        }
    }

    fn live<'a>(
        &'a self,
        now: SystemTime,
        from: Bound<&'a str>,
    ) -> impl Iterator<Item = &'a String> {
        let keys = self.deadlines.range::<str, _>((from, Bound::Unbounded));
        keys.filter(move |(_, deadline)| deadline.is_none_or(|at| !at.is_past(now)))
            .map(|(key, _)| key)
    }

    /// The keys of a page, and the last one if there are more.
    fn page(&self, request: &List, after: Option<&str>) -> (Vec<String>, Option<String>) {
        let prefix = &*request.prefix;
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let mut page: Vec<String> = Vec::new();
        let mut bytes = 0;
        for key in self.live(SystemTime::now(), from) {
            if !key.starts_with(prefix) {
                break;
            }
            bytes += key.len();
            if request.is_full(page.len(), bytes) {
                let last = page.last().cloned();
                return (page, last);
            }
            page.push(key.clone());
        }
        (page, None)
    }
}
