//! Writes, each a commit that is sent once.

use std::time::Duration;

use bytes::Bytes;
use keywell_client::Attempts;
use keywell_store::backend::Writer;
use keywell_store::{Change, Error, Expected, Result, Set, Swap, Version, counter};
use prost::Message as _;

use crate::backing::{Backing, COMMIT_BYTES, OPERATIONS};
use crate::clock::Time;
use crate::document::{Stamp, document, end};
use crate::reading::{Fields, Read};
use crate::rpc::messages::precondition::ConditionType;
use crate::rpc::messages::write::Operation;
use crate::rpc::messages::{CommitResponse, Precondition, Write};

// === impl Backing ===

impl Writer for Backing {
    async fn set(&self, key: &str, value: Bytes, how: Set) -> Result<Version> {
        let expires = end(how, self.link.clock.now())?;
        let written = document(self.names.name(key), value, expires);
        let write = write(Operation::Update(written), None);
        let committed = self.commit(vec![write]).await?;
        version(&committed, 0, expires)
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let write = write(Operation::Delete(self.names.name(key)), None);
        self.commit(vec![write]).await.map(drop)
    }

    async fn swap(&self, key: &str, expected: Expected, change: Change) -> Result<Swap> {
        let now = self.link.clock.now();
        let mut condition = match &expected {
            Expected::Absent => ConditionType::Exists(false),
            Expected::At(version) => match Stamp::from_version(version) {
                Some(stamp) if !stamp.is_over(now) => ConditionType::UpdateTime(stamp.updated),
                _ => return Ok(Swap::Stale),
            },
        };
        let name = self.names.name(key);
        let mut attempts = attempts();
        loop {
            let mut expires = None;
            let operation = match &change {
                Change::Delete => Operation::Delete(name.clone()),
                Change::Set(value, how) => {
                    expires = end(*how, self.link.clock.now())?;
                    Operation::Update(document(name.clone(), value.clone(), expires))
                }
            };
            let write = write(operation, Some(condition));
            if let Some(committed) = self.link.commit(vec![write], Bytes::new()).await? {
                return Ok(Swap::Done(match &change {
                    Change::Delete => None,
                    Change::Set(..) => Some(version(&committed, 0, expires)?),
                }));
            }
            let read = self.document(&name, Fields::Expiry).await?;
            let there = stamp(&read, &name)?;
            let is_there = there.filter(|there| !there.is_over(read.at));
            let stands = match &expected {
                Expected::Absent => is_there.is_none(),
                Expected::At(version) => is_there.is_some_and(|it| it.version() == *version),
            };
            if !stands {
                return Ok(Swap::Stale);
            }
            // What has expired is absent, and its document may be there.
            condition = guard(there);
            attempts.lost().await?;
        }
    }

    async fn increment(&self, key: &str, delta: i64, created: Set) -> Result<i64> {
        let _turn = self.counters.turn_to_increment(key, "Firestore").await?;
        let name = self.names.name(key);
        let mut attempts = attempts();
        loop {
            let read = self.document(&name, Fields::All).await?;
            let there = stamp(&read, &name)?;
            let entry = read.entry(&name)?;
            let sum = counter::add(entry.as_ref().map(|entry| &entry.value[..]), delta)?;
            let expires = match there.filter(|_| entry.is_some()) {
                // The time of a counter that is there goes on.
                Some(there) => there.expires,
                None => end(created, read.at)?,
            };
            let written = document(name.clone(), counter::text(sum), expires);
            let write = write(Operation::Update(written), Some(guard(there)));
            let committed = self.link.commit(vec![write], Bytes::new()).await?;
            if committed.is_some() {
                return Ok(sum);
            }
            attempts.lost().await?;
        }
    }

    /// In as few commits as the service takes.
    async fn set_many(&self, entries: Vec<(String, Bytes)>) -> Result<()> {
        let writes = entries.into_iter().map(|(key, value)| {
            let written = document(self.names.name(&key), value, None);
            write(Operation::Update(written), None)
        });
        self.commit_parts(writes.collect()).await
    }

    async fn delete_many(&self, keys: Vec<String>) -> Result<()> {
        let deletes = keys.iter().map(|key| {
            let name = self.names.name(key);
            write(Operation::Delete(name), None)
        });
        self.commit_parts(deletes.collect()).await
    }
}

impl Backing {
    /// Writes without preconditions. It is sent again where others write the same documents, as
    /// nothing was written then.
    async fn commit(&self, writes: Vec<Write>) -> Result<CommitResponse> {
        let mut attempts = attempts();
        loop {
            if let Some(committed) = self.link.commit(writes.clone(), Bytes::new()).await? {
                return Ok(committed);
            }
            // Where the database is gone, this says so.
            self.link.probe().await?;
            attempts.lost().await?;
        }
    }

    async fn commit_parts(&self, writes: Vec<Write>) -> Result<()> {
        let mut writes = writes.into_iter().peekable();
        let mut is_partial = false;
        while writes.peek().is_some() {
            let mut part = Vec::new();
            let mut bytes = 0;
            while let Some(write) = writes.next_if(|write| {
                bytes += write.encoded_len();
                part.is_empty() || part.len() < OPERATIONS && bytes <= COMMIT_BYTES
            }) {
                part.push(write);
            }
            let committed = self.commit(part).await;
            committed.map_err(|error| if is_partial { error.of_a_part() } else { error })?;
            is_partial = true;
        }
        Ok(())
    }
}

/// The stamp of a document that was read, though it may have expired.
pub(crate) fn stamp(read: &Read, name: &str) -> Result<Option<Stamp>> {
    let found = read.found.get(name);
    found.map(|(document, _)| Stamp::of(document)).transpose()
}

/// The condition that a document is as it was read.
fn guard(there: Option<Stamp>) -> ConditionType {
    match there {
        Some(there) => ConditionType::UpdateTime(there.updated),
        None => ConditionType::Exists(false),
    }
}

pub(crate) fn write(operation: Operation, condition: Option<ConditionType>) -> Write {
    Write {
        operation: Some(operation),
        current_document: condition.map(|condition| Precondition {
            condition_type: Some(condition),
        }),
        ..Write::default()
    }
}

/// The version that a write of a commit made.
pub(crate) fn version(
    committed: &CommitResponse,
    at: usize,
    expires: Option<Time>,
) -> Result<Version> {
    let result = committed.write_results.get(at);
    let updated = result.and_then(|result| result.update_time);
    let updated = updated.ok_or_else(|| {
        let what = "Firestore answers a write without its time";
        Error::Ambiguous(what.into())
    })?;
    Ok(Stamp { updated, expires }.version())
}

pub(crate) fn attempts() -> Attempts {
    Attempts::new(Duration::from_millis(100))
}
