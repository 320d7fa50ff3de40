//! Watches of a bucket, which read its stream from a sequence on.
//!
//! A stream keeps the last messages of a key, so a watch that resumes delivers the last state of each
//! key that changed, and what the stream still holds in between. Values that expire end for the watch
//! when they end for readers: it knows when from the message that it delivered, and does not wait for
//! the server's marker. For those that it did not deliver, the marker comes up to a second later.
//!
//! Not all that goes leaves a message. Where the stream was made again, or lost its end, or is found
//! purged, the watch delivers a gap, and then all that is there. A purge is noticed when nothing was
//! written since.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keywell_client::Backoff;
use keywell_store::feed::{self, Chunk, Feed};
use keywell_store::{Cursor, Error, Event, Filter, Invalid, Result, ResumeToken, Since, Watch};
use tokio::time::{Instant, sleep_until};

use super::api::Fault;
use super::backing::Backing;
use super::consumer::{Consumer, Next, Selection, Start};
use super::message::{self, Deadline, Delivered, What};
use super::reading;

/// What tokens are sealed as, beside cursors.
const TOKEN: &str = "\0watch";
/// How many events are read ahead.
const AHEAD: usize = 256;

/// Reads the changes of a bucket.
struct StreamFeed {
    backing: Arc<Backing>,
    filter: Filter,
    /// When the stream was created that is read.
    created: String,
    /// `None` until it is opened, and after it lost its place.
    consumer: Option<Consumer>,
    /// Whether the last consumer failed.
    is_interrupted: bool,
    backoff: Backoff,
    /// Up to where messages were taken from the consumer.
    read: u64,
    /// Read, and not yet delivered.
    ready: VecDeque<(u64, Event)>,
    times: Times,
    /// Whether the last message was a value that stays until it is overwritten.
    is_settled: bool,
}

/// When the values of keys expire that were delivered.
#[derive(Default)]
struct Times {
    ends: BTreeSet<(Deadline, String)>,
    of_key: HashMap<String, Time>,
}

#[derive(Clone, Copy, PartialEq)]
enum Time {
    EndsAt(Deadline),
    /// Its end was delivered, and the server's marker may be to come.
    Ended,
}

/// Opens a watch.
pub(crate) async fn open(backing: Arc<Backing>, filter: Filter, since: Since) -> Result<Watch> {
    let mut info = backing.stream.info(&backing.api).await;
    if info.is_err() && backing.is_there_again().await {
        info = backing.stream.info(&backing.api).await;
    }
    let info = info.map_err(|fault| backing.failed(fault))?;
    let last = info.state.last_seq;
    let position = match since {
        Since::Now => last,
        Since::After(token) => {
            let (position, created) = read_token(&token, &backing.scope)?;
            if created != info.created || position > last {
                return Err(Invalid::Compacted.into());
            }
            position
        }
    };
    let feed = StreamFeed {
        backing: backing.clone(),
        filter,
        created: info.created.clone(),
        consumer: None,
        is_interrupted: false,
        backoff: Backoff::new(Duration::from_millis(20), Duration::from_secs(1)),
        read: position,
        ready: VecDeque::new(),
        times: Times::default(),
        is_settled: false,
    };
    let created = info.created;
    let token = move |positions: &[u64]| write_token(positions[0], &created, &backing.scope);
    Ok(feed::follow([(feed, position)], token))
}

fn write_token(position: u64, created: &str, scope: &str) -> ResumeToken {
    let mut bytes = position.to_be_bytes().to_vec();
    bytes.extend(created.as_bytes());
    String::from(Cursor::seal(scope, TOKEN, &bytes)).into()
}

fn read_token(token: &ResumeToken, scope: &str) -> Result<(u64, String)> {
    let refused = || Error::Invalid(Invalid::Token);
    let cursor = Cursor::from(token.as_str().to_owned());
    let bytes = cursor.position(scope, TOKEN).map_err(|_| refused())?;
    let (position, created) = bytes.split_first_chunk().ok_or_else(refused)?;
    let created = String::from_utf8(created.to_vec()).map_err(|_| refused())?;
    Ok((u64::from_be_bytes(*position), created))
}

// === impl StreamFeed ===

impl StreamFeed {
    /// Takes what comes next, or notices that time has passed. Drops nothing if it is dropped.
    async fn read(&mut self) -> Result<()> {
        let next = match &mut self.consumer {
            Some(consumer) => {
                let end = self.times.next_end();
                tokio::select! {
                    next = consumer.next() => next,
                    () = until(end) => return Ok(()),
                }
            }
            None => self.open().await.map(|()| Next::Idle),
        };
        match next {
            Ok(Next::Message(delivered)) => {
                self.backoff.reset();
                self.take(delivered);
                self.take_more().await
            }
            Ok(Next::Idle | Next::Ended) => match self.look().await {
                Ok(()) => Ok(()),
                Err(fault) => self.retry(fault).await,
            },
            Err(fault) => self.retry(fault).await,
        }
    }

    /// Takes what is here already.
    async fn take_more(&mut self) -> Result<()> {
        while self.ready.len() < AHEAD {
            let received = self.consumer.as_mut().and_then(Consumer::received);
            match received {
                Some(Ok(Next::Message(delivered))) => self.take(delivered),
                Some(Ok(Next::Idle | Next::Ended)) | None => break,
                Some(Err(fault)) => return self.retry(fault).await,
            }
        }
        Ok(())
    }

    /// Loses its place, and tries to find it later.
    async fn retry(&mut self, fault: Fault) -> Result<()> {
        self.consumer = None;
        self.is_interrupted = true;
        if self.backing.api.is_closed() {
            return Err(fault.into());
        }
        tracing::debug!(
            "a watch of the bucket is interrupted: {}",
            Error::from(fault)
        );
        let end = self.times.next_end();
        tokio::select! {
            () = self.backoff.pause() => {}
            () = until(end) => {}
        }
        Ok(())
    }

    async fn open(&mut self) -> Result<(), Fault> {
        self.look().await?;
        let backing = self.backing.clone();
        let Backing { api, stream, .. } = &*backing;
        if self.is_interrupted {
            for delivered in reading::step_over(api, stream, self.read + 1).await? {
                self.backoff.reset();
                self.take(delivered);
            }
            self.is_interrupted = false;
        }
        let selection = Selection {
            start: Start::At(self.read + 1),
            subjects: vec![stream.names.all()],
            is_brief: false,
        };
        self.consumer = Some(Consumer::open(api, stream, selection).await?);
        Ok(())
    }

    /// Whether the stream is still the one that was read up to here.
    async fn look(&mut self) -> Result<(), Fault> {
        let info = self.backing.stream.info(&self.backing.api).await?;
        let is_other = info.created != self.created || info.state.last_seq < self.read;
        let is_purged = self.is_settled
            && info.state.last_seq == self.read
            && info.state.first_seq > info.state.last_seq;
        if is_other {
            self.created = info.created;
            self.consumer = None;
            self.read = 0;
        }
        if is_other || is_purged {
            self.times = Times::default();
            self.is_settled = false;
            self.ready.push_back((self.read, Event::Gap));
        }
        Ok(())
    }

    fn take(&mut self, delivered: Delivered) {
        let Delivered { stored, at, .. } = delivered;
        self.read = stored.sequence;
        self.is_settled = false;
        let Some(key) = self.backing.stream.names.key(&stored.subject) else {
            return;
        };
        let deadline = stored.deadline();
        self.is_settled = matches!(stored.what, What::Value { .. }) && deadline.is_none();
        if !self.filter.matches(&key) {
            return;
        }
        let before = self.times.forget(&key);
        let at = UNIX_EPOCH + Duration::from_millis(at);
        let had_ended = matches!(before, Some(Time::EndsAt(end)) if end.is_past(at));
        let token = None;
        let sequence = stored.sequence;
        match stored.what {
            What::Value { value, .. } => {
                if had_ended {
                    self.push(sequence - 1, ended(key.clone()));
                }
                if let Some(deadline) = deadline {
                    self.times.add(&key, deadline);
                }
                let version = Some(message::version(sequence, deadline));
                self.push(
                    sequence,
                    Event::Set {
                        key,
                        value,
                        version,
                        token,
                    },
                );
            }
            What::Gone { expired: true } => {
                if before != Some(Time::Ended) {
                    self.push(sequence, ended(key));
                }
            }
            What::Gone { expired: false } => {
                // A reader finds a value that has ended already gone.
                let expired = had_ended;
                if before != Some(Time::Ended) {
                    self.push(
                        sequence,
                        Event::Delete {
                            key,
                            expired,
                            token,
                        },
                    );
                }
            }
        }
    }

    fn push(&mut self, position: u64, event: Event) {
        self.ready.push_back((position, event));
    }

    /// Delivers what has expired by now, behind all that was read.
    fn end_times(&mut self) {
        let now = SystemTime::now();
        while let Some(key) = self.times.end(now) {
            self.push(self.read, ended(key));
        }
    }
}

impl Feed for StreamFeed {
    type Position = u64;

    async fn after(&mut self, _: &u64) -> Result<Chunk<u64>> {
        // Who is notified of a change reads it.
        if let Some(copy) = &self.backing.copy
            && !self.ready.is_empty()
        {
            copy.reach(self.read).await;
        }
        self.end_times();
        let count = self.ready.len().min(AHEAD);
        let events: VecDeque<_> = self.ready.drain(..count).collect();
        let upto = match events.back() {
            Some((position, _)) if !self.ready.is_empty() => *position,
            _ => self.read,
        };
        Ok(Chunk { events, upto })
    }

    async fn wait(&mut self, _: &u64) -> Result<()> {
        self.read().await
    }
}

fn ended(key: String) -> Event {
    Event::Delete {
        key,
        expired: true,
        token: None,
    }
}

async fn until(end: Option<Deadline>) {
    match end {
        Some(end) => sleep_until(Instant::now() + end.left(SystemTime::now())).await,
        None => std::future::pending().await,
    }
}

// === impl Times ===

impl Times {
    fn add(&mut self, key: &str, deadline: Deadline) {
        self.ends.insert((deadline, key.to_owned()));
        self.of_key.insert(key.to_owned(), Time::EndsAt(deadline));
    }

    /// Forgets a key, and answers what was known of it.
    fn forget(&mut self, key: &str) -> Option<Time> {
        let time = self.of_key.remove(key)?;
        if let Time::EndsAt(deadline) = time {
            self.ends.remove(&(deadline, key.to_owned()));
        }
        Some(time)
    }

    fn next_end(&self) -> Option<Deadline> {
        self.ends.first().map(|(deadline, _)| *deadline)
    }

    /// A key whose value has expired by now.
    fn end(&mut self, now: SystemTime) -> Option<String> {
        let (deadline, _) = self.ends.first()?;
        if !deadline.is_past(now) {
            return None;
        }
        let (_, key) = self.ends.pop_first()?;
        self.of_key.insert(key.clone(), Time::Ended);
        Some(key)
    }
}
