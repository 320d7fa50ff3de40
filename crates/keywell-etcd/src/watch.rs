//! Watches of a bucket: the changes of all of its names, from a revision on, of which those are
//! delivered that the filter wants. So the marker is among them, and tokens advance with every change
//! of the bucket; without any, they advance every ten minutes, as etcd says how far it has come. It
//! would say so when asked, but versions before 3.4.25 and 3.5.8 then skip changes that are under way.
//!
//! etcd keeps every change until it is compacted, so a watch that resumes misses none, and one that
//! needs a change that is gone ends as compacted. A lost connection is made again.
//!
//! The end of a lease deletes a key as a client does. The marker distinguishes them, which our
//! own deletions write in the same transaction; and a key that had no lease was deleted by a client,
//! whichever it was.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keywell_client::{Backoff, Deadline};
use keywell_store::backend::Watcher;
use keywell_store::feed::{self, Chunk, Feed};
use keywell_store::{Cursor, Error, Event, Filter, Invalid, Result, ResumeToken, Since, Watch};
use tonic::Streaming;

use crate::backing::Backing;
use crate::rpc::connection::Connection;
use crate::rpc::fault::Fault;
use crate::rpc::messages::{
    Event as Change, KeyValue, RangeRequest, WatchCreateRequest, WatchResponse,
};
use crate::txn;

/// What tokens are sealed as, beside cursors.
const TOKEN: &str = "\0watch";
/// How long a server may take to open a watch.
const OPENING: Duration = Duration::from_secs(5);

/// A place among the changes: behind all of a revision, or behind that of one key in it.
#[derive(Clone, Debug, PartialEq)]
struct Position {
    revision: i64,
    key: Option<Arc<str>>,
}

/// Reads the changes of a bucket.
struct EtcdFeed {
    backing: Arc<Backing>,
    filter: Filter,
    /// `None` until it is opened, and after it is lost.
    stream: Option<(Streaming<WatchResponse>, Arc<Connection>)>,
    backoff: Backoff,
    /// Up to where changes were taken.
    read: Position,
    /// Read, and not yet delivered.
    ready: VecDeque<(Position, Event)>,
    /// The last revision at which the marker was written.
    marked: i64,
}

// === impl Backing ===

impl Watcher for Backing {
    async fn watch(self: Arc<Self>, filter: Filter, since: Since) -> Result<Watch> {
        let backing = self;
        let marker = txn::look(&backing.names.marker());
        let current = backing.link.read(marker).await?.header;
        let current = current.map_or(0, |header| header.revision);
        let cluster = backing.link.connected().await.map_err(Fault::of_reading)?;
        let scope = format!("{}/{:x}", backing.scope, cluster.cluster);
        drop(cluster);
        let position = match since {
            Since::Now => Position {
                revision: current,
                key: None,
            },
            Since::After(token) => read_token(&token, &scope)?,
        };
        let feed = EtcdFeed {
            backing,
            filter,
            stream: None,
            backoff: Backoff::new(Duration::from_millis(20), Duration::from_secs(1)),
            read: position.clone(),
            ready: VecDeque::new(),
            marked: 0,
        };
        feed.check_history().await?;
        let token = move |positions: &[Position]| write_token(&positions[0], &scope);
        Ok(feed::follow([(feed, position)], token))
    }
}

fn write_token(position: &Position, scope: &str) -> ResumeToken {
    let mut bytes = position.revision.to_be_bytes().to_vec();
    bytes.extend(position.key.iter().flat_map(|key| key.bytes()));
    String::from(Cursor::seal(scope, TOKEN, &bytes)).into()
}

fn read_token(token: &ResumeToken, scope: &str) -> Result<Position> {
    let refused = || Error::Invalid(Invalid::Token);
    let cursor = Cursor::from(token.as_str().to_owned());
    let bytes = cursor.position(scope, TOKEN).map_err(|_| refused())?;
    let (revision, key) = bytes.split_first_chunk().ok_or_else(refused)?;
    let key = std::str::from_utf8(key).map_err(|_| refused())?;
    Ok(Position {
        revision: i64::from_be_bytes(*revision),
        key: (!key.is_empty()).then(|| key.into()),
    })
}

// === impl Position ===

impl Position {
    /// The revision of the first change that may come behind it.
    fn next_revision(&self) -> i64 {
        self.revision + i64::from(self.key.is_none())
    }
}

// === impl EtcdFeed ===

impl EtcdFeed {
    /// Whether all that comes behind the position is kept.
    ///
    /// # Errors
    ///
    /// [`Invalid::Compacted`] if it is not; also where etcd was restored from a copy that is older.
    async fn check_history(&self) -> Result<()> {
        // What was deleted at the very revision that etcd is compacted to is gone as well.
        let revision = self.read.next_revision() - 1;
        let marker = txn::look(&self.backing.names.marker());
        self.backing
            .link
            .read(RangeRequest { revision, ..marker })
            .await
            .map(drop)
    }

    async fn open(&mut self) -> Result<(), Fault> {
        self.check_history().await.map_err(Fault::Refused)?;
        let connection = self.backing.link.connected().await?;
        let (key, range_end) = self.backing.names.beginning_with("");
        let create = WatchCreateRequest {
            key,
            range_end,
            start_revision: self.read.next_revision(),
            progress_notify: true,
            fragment: true,
        };
        let opening = Deadline::after(OPENING)
            .bound(connection.watch(create))
            .await;
        let opened = opening.unwrap_or_else(|_| {
            let what = "etcd does not answer in time";
            Err(Fault::Unanswered(what.into()))
        });
        match opened {
            Ok(stream) => {
                self.stream = Some((stream, connection));
                Ok(())
            }
            Err(fault) => {
                if !matches!(fault, Fault::Refused(_)) {
                    self.backing.link.lose(&connection, true);
                }
                Err(fault)
            }
        }
    }

    /// Takes what comes next. Drops nothing if it is dropped.
    async fn read(&mut self) -> Result<()> {
        let Some((stream, connection)) = &mut self.stream else {
            return match self.open().await {
                Ok(()) => Ok(()),
                Err(fault) => self.retry(fault.of_reading()).await,
            };
        };
        let message = tokio::select! {
            message = stream.message() => message,
            () = self.backing.link.closed() => {
                return Err(Error::Unavailable("the store is closed".into()));
            }
        };
        let response = match message {
            Ok(Some(response)) => response,
            Ok(None) => {
                let ended = Error::Unavailable("etcd ended the watch".into());
                return self.retry(ended).await;
            }
            Err(status) => {
                self.backing.link.lose(connection, true);
                return self.retry(Fault::from(status).of_reading()).await;
            }
        };
        match self.take(response).await {
            Ok(()) => {
                self.backoff.reset();
                Ok(())
            }
            Err(error) => self.retry(error).await,
        }
    }

    /// Loses its place, and tries to find it later.
    async fn retry(&mut self, error: Error) -> Result<()> {
        self.stream = None;
        let is_over = !matches!(error, Error::Unavailable(_)) || self.backing.link.is_closed();
        if is_over {
            return Err(error);
        }
        tracing::debug!("a watch of the bucket is interrupted: {error}");
        self.backoff.pause().await;
        Ok(())
    }

    async fn take(&mut self, response: WatchResponse) -> Result<()> {
        if response.compact_revision != 0 {
            return Err(Invalid::Compacted.into());
        }
        if response.canceled {
            let reason = response.cancel_reason;
            let denied = reason.contains("permission denied");
            let what = format!("etcd ended the watch: {reason}");
            return Err(if denied {
                Error::AccessDenied(what.into())
            } else {
                Error::Unavailable(what.into())
            });
        }
        if response.created {
            return Ok(());
        }
        if response.events.is_empty() {
            // Nothing came up to there.
            let upto = response.header.map_or(0, |header| header.revision);
            if upto > self.read.revision {
                self.read = Position {
                    revision: upto,
                    key: None,
                };
            }
            return Ok(());
        }
        let is_complete = !response.fragment;
        let mut changes = response.events;
        self.skip_delivered(&mut changes);
        let revisions: Vec<i64> = changes
            .iter()
            .filter_map(|it| Some(it.kv.as_ref()?.mod_revision))
            .collect();
        for (at, change) in changes.into_iter().enumerate() {
            let Some(kv) = change.kv else { continue };
            // Whether it is the last change of its revision.
            let is_last = revisions
                .get(at + 1)
                .map_or(is_complete, |next| *next > kv.mod_revision);
            self.take_one(change.kind == 1, kv, is_last).await?;
        }
        Ok(())
    }

    /// Leaves out what was delivered of the revision in the midst of which the watch resumes.
    fn skip_delivered(&mut self, changes: &mut Vec<Change>) {
        let Some(key) = &self.read.key else { return };
        let revision = self.read.revision;
        let is_of = |change: &Change, name: &Bytes| {
            let kv = change.kv.as_ref();
            kv.is_some_and(|kv| kv.mod_revision == revision && kv.key == name)
        };
        let name = self.backing.names.name(key);
        let last = changes.iter().position(|change| is_of(change, &name));
        if let Some(last) = last {
            // What follows in the revision is marked by what is left out.
            let marker = self.backing.names.marker();
            if changes.drain(..=last).any(|change| is_of(&change, &marker)) {
                self.marked = revision;
            }
        }
    }

    async fn take_one(&mut self, is_deletion: bool, kv: KeyValue, is_last: bool) -> Result<()> {
        let revision = kv.mod_revision;
        let key = self.backing.names.key(&kv.key);
        if key.as_deref() == Some("") {
            self.marked = revision;
        }
        let key = key.filter(|key| !key.is_empty() && self.filter.matches(key));
        let Some(key) = key else {
            if is_last {
                self.read = Position {
                    revision,
                    key: None,
                };
            }
            return Ok(());
        };
        let position = Position {
            revision,
            key: (!is_last).then(|| key.as_str().into()),
        };
        let event = if is_deletion {
            let expired = self.has_expired(&kv.key, revision).await?;
            Event::Delete {
                key,
                expired,
                token: None,
            }
        } else {
            Event::Set {
                key,
                value: kv.value,
                version: Some(txn::version(revision)?),
                token: None,
            }
        };
        self.read = position.clone();
        self.ready.push_back((position, event));
        Ok(())
    }

    /// Whether a key that was deleted at a revision was deleted by the end of its lease.
    async fn has_expired(&self, name: &Bytes, revision: i64) -> Result<bool> {
        if self.marked == revision {
            return Ok(false);
        }
        let before = RangeRequest {
            revision: revision - 1,
            ..txn::look(name)
        };
        match self.backing.link.read(before).await {
            Ok(found) => Ok(found.kvs.first().is_some_and(|before| before.lease != 0)),
            // It can no longer be found out; our own deletions are known.
            Err(Error::Invalid(Invalid::Compacted)) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

impl Feed for EtcdFeed {
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
