use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_store::{Bucket, Error, Event, Filter, Invalid, Result, ResumeToken, Since, Watch};

use crate::watch::backoff::Waits;
use crate::watch::options::Backoff;

/// A watch, and the shares whose events are taken from it.
pub(crate) struct Source {
    watch: Watch,
    /// How far it has come, as last noted: the token of the latest event told, or one behind it.
    pub(crate) last: Option<ResumeToken>,
    pub(crate) partitions: Vec<u8>,
    coalesced: u64,
}

/// The watches of a trigger.
///
/// There is one for all shares, as a rule. Shares that are taken over go on from positions of their
/// own, each in a watch of its own, until that has come to where another one is.
#[derive(Default)]
pub(crate) struct Sources {
    list: Vec<Source>,
    /// Which is asked first next time.
    turn: usize,
}

/// From where shares are to be watched.
pub(crate) struct Stand {
    /// From now, where there is none.
    after: Option<ResumeToken>,
    /// Whether events were missed.
    missed: bool,
    pub(crate) shares: Vec<u8>,
}

/// How to open the watch of some shares.
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

// === impl Source ===

impl Source {
    pub(crate) fn new(watch: Watch, after: Option<ResumeToken>, partitions: Vec<u8>) -> Self {
        let last = after.or_else(|| watch.start().cloned());
        Self {
            watch,
            last,
            partitions,
            coalesced: 0,
        }
    }

    /// Takes note of how far it has come past what it does not tell.
    pub(crate) fn advance(&mut self) {
        if let Some(reached) = self.watch.reached() {
            self.last = Some(reached);
        }
    }

    /// How many more changes the store coalesced since this was last asked.
    pub(crate) fn coalesced(&mut self) -> u64 {
        let now = self.watch.coalesced();
        let more = now.saturating_sub(self.coalesced);
        self.coalesced = now;
        more
    }
}

// === impl Sources ===

impl Sources {
    pub(crate) fn add(&mut self, source: Source) -> usize {
        self.list.push(source);
        self.list.len() - 1
    }

    pub(crate) fn remove(&mut self, index: usize) -> Source {
        self.list.remove(index)
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut Source> {
        self.list.get_mut(index)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Source> {
        self.list.iter_mut()
    }

    /// Removes watches that nobody takes events from.
    pub(crate) fn drop_unused(&mut self) {
        self.list.retain(|source| !source.partitions.is_empty());
    }

    /// The watch that has come to just this token.
    pub(crate) fn at(&mut self, token: &ResumeToken) -> Option<&mut Source> {
        self.list
            .iter_mut()
            .find(|source| source.last.as_ref() == Some(token))
    }

    /// Makes one watch of those that have come to the same place as this one.
    pub(crate) fn merge(&mut self, index: usize) {
        if self.list.len() < 2 {
            return;
        }
        let Some(last) = self.list.get(index).and_then(|source| source.last.clone()) else {
            return;
        };
        let mut partitions: Vec<u8> = Vec::new();
        let mut at = 0;
        self.list.retain(|source| {
            let is_other = at != index;
            at += 1;
            let is_same = is_other && source.last.as_ref() == Some(&last);
            if is_same {
                partitions.extend(&source.partitions);
            }
            !is_same
        });
        if let Some(source) = self.at(&last) {
            source.partitions.extend(partitions);
        }
    }

    /// The next event of any of them, and whose it is.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<(usize, Option<Result<Event>>)> {
        let sources = self.list.len();
        for turn in 0..sources {
            let index = (self.turn + turn) % sources;
            if let Poll::Ready(event) = self.list[index].watch.poll_next_unpin(cx) {
                self.turn = index + 1;
                return Poll::Ready((index, event));
            }
        }
        Poll::Pending
    }
}

// === impl Stand ===

impl Stand {
    pub(crate) fn new(after: Option<ResumeToken>, missed: bool, shares: Vec<u8>) -> Self {
        Self {
            after,
            missed,
            shares,
        }
    }

    /// Adds a share to those that stand at the same place.
    pub(crate) fn add(stands: &mut Vec<Self>, after: Option<ResumeToken>, missed: bool, share: u8) {
        let same = |stand: &&mut Self| stand.after == after && stand.missed == missed;
        match stands.iter_mut().find(same) {
            Some(stand) => stand.shares.push(share),
            None => stands.push(Self::new(after, missed, vec![share])),
        }
    }
}

// === impl Opener ===

impl Opener {
    /// Opens watches for shares from where they stand. While the store is away, it waits.
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

    /// Whether a key is named in full.
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
                Err(error) if is_passing(&error) => {
                    let pause = waits.next();
                    tracing::warn!(trigger = &*self.trigger, %error, ?pause, "{problem}; trying again");
                    tokio::time::sleep_until((Instant::now() + pause).into()).await;
                }
                ended => return ended,
            }
        }
    }

    /// Opens a watch for each, and one from now for all together whose tokens are of no use any
    /// more: they missed events by one gap.
    async fn open_each(&self, stands: &[Stand]) -> Result<Vec<Opened>> {
        let mut opened = Vec::with_capacity(stands.len());
        let mut lost = Vec::new();
        for stand in stands {
            let Stand {
                after,
                missed,
                shares,
            } = stand;
            if *missed {
                lost.extend(shares);
                continue;
            }
            match self.try_open(after.clone(), shares, false).await {
                Err(Error::Invalid(Invalid::Compacted | Invalid::Token)) if after.is_some() => {
                    lost.extend(shares);
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
        missed: bool,
    ) -> Result<Opened> {
        let is_resuming = after.is_some();
        match self.try_open(after, partitions, missed).await {
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

/// Whether it may be otherwise later.
pub(crate) fn is_passing(error: &Error) -> bool {
    matches!(
        error,
        Error::Unavailable(_) | Error::Ambiguous(_) | Error::Internal(_)
    )
}
