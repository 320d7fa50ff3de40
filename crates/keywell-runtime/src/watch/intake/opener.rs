//! How the watches of a trigger are opened.
//!
//! While the store is away, opening waits. A token that the store has no history for any more is a
//! gap: the watch begins now, and the keys that are named in full are read, once it is open.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use keywell_store::{Bucket, Error, Filter, Invalid, Result, ResumeToken, Since};

use crate::watch::backoff::Waits;
use crate::watch::intake::sources::Source;
use crate::watch::options::Backoff;

/// From where partitions are to be watched.
pub(crate) struct Stand {
    /// From now, where there is none.
    after: Option<ResumeToken>,
    /// Whether events were missed.
    is_gap: bool,
    partitions: Vec<u8>,
}

/// How to open the watch of some partitions.
#[derive(Clone)]
pub(crate) struct Opener {
    pub(crate) bucket: Arc<dyn Bucket>,
    pub(crate) filter: Filter,
    /// What to read again after a gap, in order.
    pub(crate) named_keys: Vec<String>,
    pub(crate) trigger: Arc<str>,
    pub(crate) backoff: Backoff,
}

/// A watch that was opened.
pub(crate) struct Opened {
    pub(crate) source: Source,
    /// Whether events were missed before it.
    pub(crate) is_gap: bool,
    /// What named keys hold, if they were: absent ones without a value.
    pub(crate) present: Vec<(String, Option<Bytes>)>,
}

// === impl Stand ===

impl Stand {
    pub(crate) fn new(after: Option<ResumeToken>, is_gap: bool, partitions: Vec<u8>) -> Self {
        Self {
            after,
            is_gap,
            partitions,
        }
    }

    pub(crate) fn partitions(&self) -> &[u8] {
        &self.partitions
    }

    /// Adds a partition to those that stand at the same place.
    pub(crate) fn add(
        stands: &mut Vec<Self>,
        after: Option<ResumeToken>,
        is_gap: bool,
        partition: u8,
    ) {
        let same = |stand: &&mut Self| stand.after == after && stand.is_gap == is_gap;
        match stands.iter_mut().find(same) {
            Some(stand) => stand.partitions.push(partition),
            None => stands.push(Self::new(after, is_gap, vec![partition])),
        }
    }
}

// === impl Opener ===

impl Opener {
    /// Opens watches for partitions from where they stand. While the store is away, it waits.
    ///
    /// # Errors
    ///
    /// Those that do not pass by waiting.
    pub(crate) async fn open_at_length(
        self,
        stands: Vec<Stand>,
        broke_off: bool,
    ) -> Result<Vec<Opened>> {
        if broke_off {
            // One that opens and breaks off at once must not be opened without a pause.
            let pause = self.backoff.after(1);
            tokio::time::sleep_until((Instant::now() + pause).into()).await;
        }
        self.at_length("cannot watch", || self.open_each(&stands))
            .await
    }

    /// Whether a subscription names a key in full.
    pub(crate) fn names(&self, key: &str) -> bool {
        let named = |named: &String| named.as_str().cmp(key);
        self.named_keys.binary_search_by(named).is_ok()
    }

    /// What is there now of the keys that are named in full. While the store is away, it waits.
    ///
    /// # Errors
    ///
    /// Those that do not pass by waiting.
    pub(crate) async fn present_at_length(&self) -> Result<Vec<(String, Option<Bytes>)>> {
        self.at_length("cannot read the keys that are named in full", || {
            self.present()
        })
        .await
    }

    /// Tries until it is done, or fails with what does not pass by waiting.
    async fn at_length<T, F>(&self, problem: &str, mut attempt: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut waits = Waits::new(self.backoff);
        loop {
            match attempt().await {
                Err(error) if error.may_pass() => {
                    let pause = waits.next();
                    tracing::warn!(trigger = &*self.trigger, %error, ?pause, "{problem}; trying again");
                    tokio::time::sleep_until((Instant::now() + pause).into()).await;
                }
                ended => return ended,
            }
        }
    }

    /// Opens a watch for each, and one from now for all whose tokens are of no use any more: that is
    /// one gap.
    async fn open_each(&self, stands: &[Stand]) -> Result<Vec<Opened>> {
        let mut opened = Vec::with_capacity(stands.len());
        let mut lost = Vec::new();
        for stand in stands {
            let Stand {
                after,
                is_gap,
                partitions,
            } = stand;
            if *is_gap {
                lost.extend(partitions);
                continue;
            }
            match self.try_open(after.clone(), partitions, false).await {
                Err(Error::Invalid(Invalid::Compacted | Invalid::Token)) if after.is_some() => {
                    lost.extend(partitions);
                }
                one => opened.push(one?),
            }
        }
        if !lost.is_empty() {
            opened.push(self.try_open(None, &lost, true).await?);
        }
        Ok(opened)
    }

    /// Watches on from a token, or from now where there is none or it is of no use any more.
    pub(crate) async fn open(
        &self,
        after: Option<ResumeToken>,
        partitions: &[u8],
        is_gap: bool,
    ) -> Result<Opened> {
        let is_resuming = after.is_some();
        match self.try_open(after, partitions, is_gap).await {
            Err(Error::Invalid(Invalid::Compacted | Invalid::Token)) if is_resuming => {
                self.try_open(None, partitions, true).await
            }
            ended => ended,
        }
    }

    async fn try_open(
        &self,
        after: Option<ResumeToken>,
        partitions: &[u8],
        is_gap: bool,
    ) -> Result<Opened> {
        let since = after.clone().map_or(Since::Now, Since::After);
        let watch = self.bucket.watch(self.filter.clone(), since).await?;
        let present = if is_gap {
            self.present().await?
        } else {
            Vec::new()
        };
        Ok(Opened {
            source: Source::new(watch, after, partitions.to_vec()),
            is_gap,
            present,
        })
    }

    /// What is there now of the keys that are named in full.
    async fn present(&self) -> Result<Vec<(String, Option<Bytes>)>> {
        let mut present = Vec::with_capacity(self.named_keys.len());
        for keys in self.named_keys.chunks(Self::TOGETHER) {
            let together: Vec<&str> = keys.iter().map(String::as_str).collect();
            let entries = match self.bucket.get_many(&together).await {
                // Each is small enough, and they are too large together.
                Err(Error::Invalid(
                    Invalid::BatchTooLong { .. } | Invalid::BatchTooLarge { .. },
                )) => {
                    let mut entries = Vec::with_capacity(keys.len());
                    for key in keys {
                        entries.push(self.bucket.get(key).await?);
                    }
                    entries
                }
                entries => entries?,
            };
            let values = entries
                .into_iter()
                .map(|entry| entry.map(|entry| entry.value));
            present.extend(keys.iter().cloned().zip(values));
        }
        Ok(present)
    }

    /// How many keys are read at once.
    const TOGETHER: usize = 100;
}
