//! Writes, each of which is sent once.

use std::time::Duration;

use bytes::Bytes;
use futures::future::try_join_all;
use keywell_client::Attempts;
use keywell_store::backend::Writer;
use keywell_store::{Change, Error, Expected, Result, Set, Swap, Version, counter};

use crate::backing::{BATCH_BYTES, Backing, OPERATIONS};
use crate::document::{Content, Document, Stored, end, etag, foreign};
use crate::items::{Put, Step, When};
use crate::names;

/// How many keys of a batch of deletions are looked at together.
const IN_FLIGHT: usize = 16;

pub(crate) fn attempts() -> Attempts {
    Attempts::new(Duration::from_millis(100))
}

/// What has to be there for a write that goes by what was read.
pub(crate) fn as_read(stored: Option<&Stored>) -> When {
    stored.map_or(When::Absent, |stored| When::At(stored.etag.clone()))
}

// === impl Backing ===

impl Writer for Backing {
    async fn set(&self, key: &str, value: Bytes, how: Set) -> Result<Version> {
        let document = self.document(key, &value, end(how)?);
        match self.items.put(&document, When::Always).await? {
            Put::Done(etag) => Ok(document.version(&etag)),
            Put::Conflict => Err(Error::Internal("a write without a condition lost".into())),
        }
    }

    /// Reads the key first: a tombstone of a key that was not there would be a deletion to watches.
    async fn delete(&self, key: &str) -> Result<()> {
        if self.is_there(key).await? {
            let tombstone = self.tombstone(key);
            self.items.put(&tombstone, When::Always).await?;
        }
        Ok(())
    }

    async fn swap(&self, key: &str, expected: Expected, change: Change) -> Result<Swap> {
        let is_deletion = matches!(change, Change::Delete);
        let document = match change {
            Change::Set(value, how) => self.document(key, &value, end(how)?),
            Change::Delete => self.tombstone(key),
        };
        let done = |etag: &str| Swap::Done((!is_deletion).then(|| document.version(etag)));
        if let Expected::At(version) = &expected {
            let Some(etag) = etag(version) else {
                return Ok(Swap::Stale);
            };
            let when = When::At(etag.to_owned());
            return Ok(match self.items.put(&document, when).await? {
                Put::Done(etag) => done(&etag),
                Put::Conflict => Swap::Stale,
            });
        }
        let mut attempts = attempts();
        // Mostly there is not even a document.
        let mut when = (!is_deletion).then_some(When::Absent);
        loop {
            if let Some(when) = when.take()
                && let Put::Done(etag) = self.items.put(&document, when).await?
            {
                return Ok(done(&etag));
            }
            let stored = self.items.read(&document.id).await?;
            let is_absent = |stored: &Stored| matches!(stored.content(), Content::Hidden);
            if !stored.as_ref().is_none_or(is_absent) {
                return Ok(Swap::Stale);
            }
            if is_deletion {
                return Ok(Swap::Done(None));
            }
            when = Some(as_read(stored.as_ref()));
            attempts.lost().await?;
        }
    }

    async fn increment(&self, key: &str, delta: i64, created: Set) -> Result<i64> {
        let _turn = self.counters.turn_to_increment(key, "Cosmos DB").await?;
        let id = names::id(key);
        let mut attempts = attempts();
        loop {
            let stored = self.items.read(&id).await?;
            let (sum, document) = self.counted(key, stored.as_ref(), delta, created)?;
            let when = as_read(stored.as_ref());
            if let Put::Done(_) = self.items.put(&document, when).await? {
                return Ok(sum);
            }
            attempts.lost().await?;
        }
    }

    /// In as few transactions as the service takes.
    async fn set_many(&self, entries: Vec<(String, Bytes)>) -> Result<()> {
        let each = entries.into_iter();
        let each = each.map(|(key, value)| (key, Some(value)));
        self.write_all(each.collect()).await
    }

    async fn delete_many(&self, keys: Vec<String>) -> Result<()> {
        let mut there = Vec::new();
        for some in keys.chunks(IN_FLIGHT) {
            let looks = some.iter().map(|key| self.is_there(key));
            for (key, is_there) in some.iter().zip(try_join_all(looks).await?) {
                if is_there {
                    there.push((key.clone(), None));
                }
            }
        }
        self.write_all(there).await
    }
}

impl Backing {
    /// Whether there is something to delete, be it in the form of another program.
    async fn is_there(&self, key: &str) -> Result<bool> {
        let stored = self.items.read(&names::id(key)).await?;
        Ok(stored.is_some_and(|stored| !matches!(stored.content(), Content::Hidden)))
    }

    /// A counter after an increment, and its document. The time of one that is there goes on.
    pub(crate) fn counted(
        &self,
        key: &str,
        stored: Option<&Stored>,
        delta: i64,
        created: Set,
    ) -> Result<(i64, Document)> {
        let content = stored.map_or(Content::Hidden, Stored::content);
        let (old, expires) = match &content {
            Content::Hidden => (None, end(created)?),
            Content::Value { value, expires } => (Some(&value[..]), *expires),
            Content::Foreign => return Err(foreign()),
        };
        let sum = counter::add(old, delta)?;
        Ok((sum, self.document(key, &counter::text(sum), expires)))
    }

    /// Sets keys and deletes those without a value, whatever is there, one request after the other.
    async fn write_all(&self, writes: Vec<(String, Option<Bytes>)>) -> Result<()> {
        let mut part: Vec<Document> = Vec::new();
        let mut bytes = 0;
        let mut is_partial = false;
        for (key, value) in writes {
            let document = match value {
                Some(value) => self.document(&key, &value, None),
                None => self.tombstone(&key),
            };
            let is_full = part.len() == OPERATIONS || bytes + document.bytes() > BATCH_BYTES;
            if is_full && !part.is_empty() {
                let full = std::mem::take(&mut part);
                self.write_some(full, &mut is_partial).await?;
                bytes = 0;
            }
            bytes += document.bytes();
            part.push(document);
        }
        if part.is_empty() {
            return Ok(());
        }
        self.write_some(part, &mut is_partial).await
    }

    /// Writes a part of a batch.
    async fn write_some(&self, part: Vec<Document>, is_partial: &mut bool) -> Result<()> {
        let written = self.write_part(part).await;
        written.map_err(|error| {
            if *is_partial {
                error.of_a_part()
            } else {
                error
            }
        })?;
        *is_partial = true;
        Ok(())
    }

    async fn write_part(&self, mut part: Vec<Document>) -> Result<()> {
        let is_done = if part.len() == 1
            && let Some(document) = part.pop()
        {
            matches!(self.items.put(&document, When::Always).await?, Put::Done(_))
        } else {
            let steps = part.into_iter();
            let steps: Vec<_> = steps.map(|each| Step::Write(each, When::Always)).collect();
            matches!(self.items.transact(&steps).await?, Put::Done(_))
        };
        if is_done {
            return Ok(());
        }
        Err(Error::Internal("a write without a condition lost".into()))
    }
}
