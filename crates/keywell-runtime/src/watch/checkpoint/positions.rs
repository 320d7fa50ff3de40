//! The stored positions of a trigger.
//!
//! The position of a partition that several processes may hold, one after the other, is written by
//! compare-and-swap, so a process that lost it, and does not know yet, writes nothing.

use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{
    Bucket, Cas, Change, Error, Expected, Result, ResumeToken, Set, Swap, Version,
};
use serde::{Deserialize, Serialize};

use crate::watch::json::json;

/// Where a trigger stores up to where its events are finished, for each partition.
#[derive(Clone)]
pub(crate) struct Positions {
    bucket: Arc<dyn Bucket>,
    trigger: String,
    /// This process's name, if others may hold partitions.
    member: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// A stored position, as it was read or written.
#[derive(Clone, Debug)]
pub(crate) struct Position {
    pub(crate) token: Option<ResumeToken>,
    pub(crate) version: Option<Version>,
    /// Whether there was one before.
    pub(crate) is_known: bool,
}

/// The partition is another process's.
pub(crate) struct Lost;

// === impl Positions ===

impl Positions {
    pub(crate) fn new(bucket: Arc<dyn Bucket>, trigger: &str, member: Option<String>) -> Self {
        Self {
            bucket,
            trigger: trigger.to_owned(),
            member,
        }
    }

    fn key(&self, partition: u8) -> String {
        match self.member {
            Some(_) => format!("positions/{}/{partition}", self.trigger),
            None => format!("positions/{}", self.trigger),
        }
    }

    /// Where partitions begin that no process had before: at `now`, unless one has said so already.
    ///
    /// It is stored, so a change from then on is delivered even if no process has had its partition
    /// by the time it happened.
    pub(crate) async fn start(&self, now: Option<&ResumeToken>) -> Result<Option<ResumeToken>> {
        let (Some(now), key) = (now, format!("positions/{}/start", self.trigger)) else {
            return Ok(None);
        };
        let value = json(&Stored {
            member: None,
            token: Some(now.as_str().to_owned()),
        })?;
        let mut expected = Expected::Absent;
        for _ in 0..Self::TRIES {
            let change = Change::Set(value.clone(), Set::default());
            if let Swap::Done(_) = self.bucket.swap(&key, expected, change).await? {
                return Ok(Some(now.clone()));
            }
            let entry = self.bucket.get(&key).await?;
            expected = match entry {
                Some(entry) => match self.read(&entry.value) {
                    Some(token) => return Ok(Some(ResumeToken::from(token))),
                    None => Expected::At(entry.version),
                },
                None => Expected::Absent,
            };
        }
        Err(Self::busy())
    }

    /// The position of a partition, as it is stored.
    pub(crate) async fn stored(&self, partition: u8) -> Result<Option<ResumeToken>> {
        let entry = self.bucket.get(&self.key(partition)).await?;
        let Some(entry) = entry else { return Ok(None) };
        Ok(self.read(&entry.value).map(ResumeToken::from))
    }

    /// Reads the position of a partition and makes it this process's. `start` is stored where there is
    /// none yet.
    pub(crate) async fn take(
        &self,
        partition: u8,
        start: Option<&ResumeToken>,
    ) -> Result<Position> {
        let key = self.key(partition);
        for _ in 0..Self::TRIES {
            let entry = self.bucket.get(&key).await?;
            let token = match &entry {
                Some(entry) => self.read(&entry.value).map(ResumeToken::from),
                None => start.cloned(),
            };
            let is_known = entry.is_some();
            let version = entry.map(|entry| entry.version);
            if let Ok(version) = self.write(partition, token.as_ref(), version).await? {
                return Ok(Position {
                    token,
                    version,
                    is_known,
                });
            }
        }
        Err(Self::busy())
    }

    fn busy() -> Error {
        Error::Unavailable("other processes keep writing the position".into())
    }

    /// Stores a position over the one of a version; answers the new version.
    pub(crate) async fn store(
        &self,
        partition: u8,
        token: &ResumeToken,
        version: Option<Version>,
    ) -> Result<Result<Option<Version>, Lost>> {
        match self.write(partition, Some(token), version).await {
            Ok(Ok(version)) => Ok(Ok(version)),
            // Another process's, or an answer to an earlier write that was lost.
            Ok(Err(Lost)) | Err(Error::Ambiguous(_)) => self.again(partition, token).await,
            Err(error) => Err(error),
        }
    }

    /// Stores over what is there by now, if that is still of this process.
    async fn again(
        &self,
        partition: u8,
        token: &ResumeToken,
    ) -> Result<Result<Option<Version>, Lost>> {
        let entry = self.bucket.get(&self.key(partition)).await?;
        let is_ours = entry.as_ref().is_some_and(|entry| {
            serde_json::from_slice::<Stored>(&entry.value)
                .is_ok_and(|stored| stored.member == self.member)
        });
        if !is_ours && self.member.is_some() {
            return Ok(Err(Lost));
        }
        let version = entry.map(|entry| entry.version);
        self.write(partition, Some(token), version).await
    }

    fn read(&self, value: &[u8]) -> Option<String> {
        let stored = serde_json::from_slice(value).map(|stored: Stored| stored.token);
        stored.unwrap_or_else(|error| {
            tracing::warn!(trigger = self.trigger, %error, "a stored position cannot be read, and is replaced");
            None
        })
    }

    async fn write(
        &self,
        partition: u8,
        token: Option<&ResumeToken>,
        version: Option<Version>,
    ) -> Result<Result<Option<Version>, Lost>> {
        let stored = Stored {
            member: self.member.clone(),
            token: token.map(|token| token.as_str().to_owned()),
        };
        let value = json(&stored)?;
        let key = self.key(partition);
        if self.member.is_none() {
            self.bucket.set(&key, value, Set::default()).await?;
            return Ok(Ok(None));
        }
        let expected = version.map_or(Expected::Absent, Expected::At);
        let change = Change::Set(value, Set::default());
        Ok(match self.bucket.swap(&key, expected, change).await? {
            Swap::Done(version) => Ok(version),
            Swap::Stale => Err(Lost),
        })
    }

    const TRIES: usize = 5;
}

/// Finds out whether the records of a trigger can be written, by each kind of write that they take.
pub(crate) async fn try_writing(bucket: &Arc<dyn Bucket>, filed_under: &str) -> Result<()> {
    let key = format!("probes/{filed_under}");
    let version = bucket.set(&key, Bytes::new(), Set::default()).await?;
    if bucket.capabilities().cas == Cas::None {
        return bucket.delete(&key).await;
    }
    // Stale where another process tries at the same time, and removes it.
    let removed = bucket.swap(&key, Expected::At(version), Change::Delete);
    removed.await.map(drop)
}
