//! Watches of a bucket: a listener to all of its documents, of whose changes those are delivered
//! that the filter wants.
//!
//! The service sends the last state of each document that changed between two of its snapshots, so
//! a watch may coalesce changes. A position is a snapshot: its time, and the token by which the
//! service resumes there. The events of a snapshot but the last have the position of the snapshot
//! before, so a watch that resumes among them delivers some again.
//!
//! The service says that a document is gone, and not why: a key was deleted, or its time to live
//! had ended and the service collected it. What the document was just before shows which. Where the
//! service cannot say which documents are gone, or no longer has their states, the watch ends as
//! compacted.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keywell_client::Backoff;
use keywell_store::backend::Watcher;
use keywell_store::feed::{self, Chunk, Feed};
use keywell_store::{Cursor, Error, Event, Filter, Invalid, Result, ResumeToken, Since, Watch};
use tonic::Streaming;

use crate::backing::Backing;
use crate::clock::Time;
use crate::document::{Stamp, time, timestamp, value};
use crate::reading::has_expired;
use crate::rpc::fault::Fault;
use crate::rpc::messages::listen_request::TargetChange as Asked;
use crate::rpc::messages::listen_response::ResponseType;
use crate::rpc::messages::target::query_target::QueryType;
use crate::rpc::messages::target::{QueryTarget, ResumeType, TargetType};
use crate::rpc::messages::target_change::TargetChangeType;
use crate::rpc::messages::{
    Document, ListenRequest, ListenResponse, StructuredQuery, Target, TargetChange,
};

/// What tokens are sealed as, beside cursors.
const TOKEN: &str = "\0watch";
/// The number of the only target of a listener.
const TARGET: i32 = 1;
/// The step of the service's times, in nanoseconds.
const STEP: Time = 1000;

/// A snapshot.
#[derive(Clone, Debug, PartialEq)]
struct Position {
    time: Time,
    /// Empty before the first snapshot of a watch.
    token: Bytes,
}

/// What became of a document.
enum Changed {
    Set(Document),
    /// It was gone by this time.
    Gone(Time),
}

/// Reads the changes of a bucket.
struct FirestoreFeed {
    backing: Arc<Backing>,
    filter: Filter,
    /// `None` until it is opened, and after it is lost.
    stream: Option<Streaming<ListenResponse>>,
    backoff: Backoff,
    /// The changes since the last snapshot.
    changed: HashMap<String, Changed>,
    /// How many documents there are with them, if the service says so.
    count: Option<i64>,
    /// The snapshot after them, until it is taken.
    next: Option<Position>,
    /// The last snapshot.
    read: Position,
    /// Read, and not yet delivered.
    ready: VecDeque<(Position, Event)>,
}

// === impl Backing ===

impl Watcher for Backing {
    async fn watch(self: Arc<Self>, filter: Filter, since: Since) -> Result<Watch> {
        let backing = self;
        let now = backing.past().now().await?;
        let scope = backing.scope.clone();
        let position = match since {
            Since::Now => Position {
                time: now,
                token: Bytes::new(),
            },
            Since::After(token) => read_token(&token, &scope)?,
        };
        // Whether the states since then are kept.
        backing.past().states(Vec::new(), position.time).await?;
        let feed = FirestoreFeed {
            backing,
            filter,
            stream: None,
            backoff: Backoff::new(Duration::from_millis(20), Duration::from_secs(5)),
            changed: HashMap::new(),
            count: None,
            next: None,
            read: position.clone(),
            ready: VecDeque::new(),
        };
        let token = move |positions: &[Position]| write_token(&positions[0], &scope);
        Ok(feed::follow([(feed, position)], token))
    }
}

fn write_token(position: &Position, scope: &str) -> ResumeToken {
    let mut bytes = position.time.to_be_bytes().to_vec();
    bytes.extend(&position.token);
    String::from(Cursor::seal(scope, TOKEN, &bytes)).into()
}

fn read_token(token: &ResumeToken, scope: &str) -> Result<Position> {
    let refused = || Error::Invalid(Invalid::Token);
    let cursor = Cursor::from(token.as_str().to_owned());
    let bytes = cursor.position(scope, TOKEN).map_err(|_| refused())?;
    let (time, token) = bytes.split_first_chunk().ok_or_else(refused)?;
    Ok(Position {
        time: Time::from_be_bytes(*time),
        token: token.to_vec().into(),
    })
}

// === impl FirestoreFeed ===

impl FirestoreFeed {
    async fn listen(&self) -> Result<Streaming<ListenResponse>, Fault> {
        let query = StructuredQuery {
            from: vec![self.backing.collection()],
            ..StructuredQuery::default()
        };
        let token = &self.read.token;
        let resume = if token.is_empty() {
            ResumeType::ReadTime(timestamp(self.read.time))
        } else {
            ResumeType::ResumeToken(token.clone())
        };
        let target = Target {
            target_id: TARGET,
            target_type: Some(TargetType::Query(QueryTarget {
                parent: self.backing.names.parent.clone(),
                query_type: Some(QueryType::StructuredQuery(query)),
            })),
            resume_type: Some(resume),
            ..Target::default()
        };
        let request = ListenRequest {
            database: self.backing.link.database.clone(),
            target_change: Some(Asked::AddTarget(target)),
            ..ListenRequest::default()
        };
        let link = &self.backing.link;
        let connection = link.dial().await?;
        let listening = link.deadline().bound(connection.listen(request)).await;
        listening.unwrap_or_else(|_| {
            let what = "Firestore does not answer a listener in time";
            Err(Fault::Unanswered(what.into()))
        })
    }

    /// Takes what comes next. Drops nothing if it is dropped.
    async fn read(&mut self) -> Result<()> {
        if self.next.is_some() {
            return match self.deliver().await {
                Ok(()) => Ok(()),
                Err(error) => self.retry(error).await,
            };
        }
        let closed = self.backing.clone();
        let closed = closed.link.closed();
        let Some(stream) = &mut self.stream else {
            return match self.listen().await {
                Ok(stream) => {
                    self.stream = Some(stream);
                    Ok(())
                }
                Err(fault) => self.retry(ended(fault)).await,
            };
        };
        let message = tokio::select! {
            message = stream.message() => message,
            () = closed => return Err(Error::Unavailable("the store is closed".into())),
        };
        let taken = match message {
            Ok(Some(response)) => self.take(response),
            Ok(None) => Err(Error::Unavailable("Firestore ended the listener".into())),
            Err(status) => Err(ended(status.into())),
        };
        match taken {
            Ok(()) => Ok(()),
            Err(error) => self.retry(error).await,
        }
    }

    /// Loses its place, and tries to find it later.
    async fn retry(&mut self, error: Error) -> Result<()> {
        self.stream = None;
        self.changed.clear();
        self.count = None;
        self.next = None;
        let is_over = !matches!(error, Error::Unavailable(_)) || self.backing.link.is_closed();
        if is_over {
            return Err(error);
        }
        tracing::debug!("a watch of the bucket is interrupted: {error}");
        self.backoff.pause().await;
        Ok(())
    }

    fn take(&mut self, response: ListenResponse) -> Result<()> {
        match response.response_type {
            Some(ResponseType::TargetChange(change)) => self.take_target(change),
            Some(ResponseType::DocumentChange(change)) => {
                if let Some(document) = change.document {
                    let name = document.name.clone();
                    self.changed.insert(name, Changed::Set(document));
                }
                Ok(())
            }
            Some(ResponseType::DocumentDelete(gone)) => {
                let by = gone.read_time.as_ref().map_or(0, time);
                self.changed.insert(gone.document, Changed::Gone(by));
                Ok(())
            }
            Some(ResponseType::DocumentRemove(gone)) => {
                let by = gone.read_time.as_ref().map_or(0, time);
                self.changed.insert(gone.document, Changed::Gone(by));
                Ok(())
            }
            Some(ResponseType::Filter(filter)) => {
                self.count = Some(filter.count.into());
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn take_target(&mut self, change: TargetChange) -> Result<()> {
        match change.target_change_type() {
            TargetChangeType::NoChange => {
                let is_snapshot = change.target_ids.is_empty();
                if let Some(read_time) = change.read_time.filter(|_| is_snapshot) {
                    // The time alone would do, if the service leaves out the token.
                    self.next = Some(Position {
                        time: time(&read_time),
                        token: change.resume_token,
                    });
                }
                Ok(())
            }
            TargetChangeType::Add | TargetChangeType::Current => Ok(()),
            // All that is there follows, and not what is gone.
            TargetChangeType::Reset => Err(Invalid::Compacted.into()),
            TargetChangeType::Remove => {
                let cause = change.cause.unwrap_or_default();
                let status = tonic::Status::new(cause.code.into(), cause.message);
                Err(ended(status.into()))
            }
        }
    }

    /// Makes events of the changes up to a snapshot, in the order in which they were written.
    async fn deliver(&mut self) -> Result<()> {
        let Some(next) = self.next.clone() else {
            return Ok(());
        };
        self.check_count().await?;
        let mut events: Vec<(Time, Event)> = Vec::new();
        let mut gone: Vec<(String, String, Time)> = Vec::new();
        for (name, changed) in &self.changed {
            let key = self.backing.names.key(name);
            let Some(key) = key.filter(|key| self.filter.matches(key)) else {
                continue;
            };
            match changed {
                Changed::Set(document) => {
                    let stamp = Stamp::of(document)?;
                    let event = match value(document) {
                        Ok(value) => Event::Set {
                            key,
                            value: value.clone(),
                            version: Some(stamp.version()),
                            token: None,
                        },
                        // It is another program's.
                        Err(error) => {
                            tracing::warn!("a watch has a gap: {error}");
                            Event::Gap
                        }
                    };
                    events.push((time(&stamp.updated), event));
                }
                Changed::Gone(by) => gone.push((key, name.clone(), *by)),
            }
        }
        let expired = self.expired(&gone).await?;
        for (key, name, by) in gone {
            let expired = expired.get(&name).copied().unwrap_or_default();
            let token = None;
            events.push((
                by,
                Event::Delete {
                    key,
                    expired,
                    token,
                },
            ));
        }
        events.sort_by_key(|(written, _)| *written);
        let count = events.len();
        for (at, (_, event)) in events.into_iter().enumerate() {
            let is_last = at + 1 == count;
            let position = if is_last { &next } else { &self.read };
            self.ready.push_back((position.clone(), event));
        }
        self.read = next;
        self.next = None;
        self.count = None;
        self.changed.clear();
        self.backoff.reset();
        Ok(())
    }

    /// Whether the service named every document that is gone since the last snapshot: it may say
    /// how many there are instead, and then it may not have.
    ///
    /// # Errors
    ///
    /// [`Invalid::Compacted`] if it did not.
    async fn check_count(&self) -> Result<()> {
        let Some(count) = self.count else {
            return Ok(());
        };
        let past = self.backing.past();
        let names: Vec<String> = self.changed.keys().cloned().collect();
        let before = past.states(names, self.read.time).await?;
        let mut expected = past.count(self.read.time).await?;
        for (name, changed) in &self.changed {
            match (before.contains_key(name), changed) {
                (false, Changed::Set(_)) => expected += 1,
                (true, Changed::Gone(_)) => expected -= 1,
                _ => {}
            }
        }
        if expected != count {
            tracing::debug!("{count} documents are there, and {expected} are known to be");
            return Err(Invalid::Compacted.into());
        }
        Ok(())
    }

    /// Which documents had expired when they were gone: by their states just before, or if they
    /// were not there either, at the last snapshot.
    async fn expired(&self, gone: &[(String, String, Time)]) -> Result<HashMap<String, bool>> {
        let mut expired = HashMap::new();
        let mut by_time: HashMap<Time, Vec<String>> = HashMap::new();
        for (_, name, by) in gone {
            by_time.entry(*by).or_default().push(name.clone());
        }
        for (by, names) in by_time {
            let mut found = self.backing.past().states(names.clone(), by - STEP).await?;
            let absent = names.into_iter().filter(|name| !found.contains_key(name));
            let absent: Vec<String> = absent.collect();
            if !absent.is_empty() {
                found.extend(self.backing.past().states(absent, self.read.time).await?);
            }
            let found = found.into_iter();
            expired.extend(found.map(|(name, (was, _))| (name, has_expired(&was, by))));
        }
        Ok(expired)
    }
}

/// The error with which a listener ends. The service refuses a token or a time that is too old.
fn ended(fault: Fault) -> Error {
    match fault {
        Fault::Stale(failure) | Fault::Refused(Error::Internal(failure)) => {
            tracing::debug!("a listener cannot resume: {failure}");
            Invalid::Compacted.into()
        }
        fault => fault.of_reading(),
    }
}

impl Feed for FirestoreFeed {
    type Position = Position;

    async fn after(&mut self, _: &Position) -> Result<Chunk<Position>> {
        Ok(Chunk {
            events: std::mem::take(&mut self.ready),
            upto: self.read.clone(),
        })
    }

    async fn wait(&mut self, _: &Position) -> Result<()> {
        self.read().await
    }
}
