use futures::StreamExt as _;
use keywell_store::{Event, Filter, ResumeToken, Since, Watch, Watching};

use super::tell;
use crate::failure::{Failure, Verdict, same};
use crate::scratch::{Handle, Scratch};

/// Somebody who hears a watch, with patience.
///
/// A watch that resumes tells every write, once. A lossy one may tell several writes of a key as
/// one, with the value of the last of them; what it tells has to be some of what was written, in
/// that order, and the last write of each key among it.
pub(in crate::checks) struct Listener<'a> {
    scratch: &'a Scratch<'a>,
    pub(in crate::checks) watch: Watch,
    pub(in crate::checks) is_lossy: bool,
}

// === impl Listener ===

impl<'a> Listener<'a> {
    pub(in crate::checks) async fn new(
        scratch: &'a Scratch<'_>,
        bucket: &Handle,
        filter: Filter,
    ) -> Result<Self, Failure> {
        Self::since(scratch, bucket, filter, Since::Now).await
    }

    pub(in crate::checks) async fn resumed(
        scratch: &'a Scratch<'_>,
        bucket: &Handle,
        filter: Filter,
        token: ResumeToken,
    ) -> Result<Self, Failure> {
        Self::since(scratch, bucket, filter, Since::After(token)).await
    }

    async fn since(
        scratch: &'a Scratch<'_>,
        bucket: &Handle,
        filter: Filter,
        since: Since,
    ) -> Result<Self, Failure> {
        let watch = bucket.watch(filter, since).await?;
        let is_lossy = bucket.capabilities().watch == Watching::Lossy;
        Ok(Self {
            scratch,
            watch,
            is_lossy,
        })
    }

    pub(in crate::checks) async fn next(&mut self) -> Result<Event, Failure> {
        let patience = self.scratch.patience();
        match tokio::time::timeout(patience, self.watch.next()).await {
            Ok(Some(Ok(Event::Gap))) => Err(Failure::inconclusive("events were lost")),
            Ok(Some(event)) => Ok(event?),
            Ok(None) => Err(Failure::new(
                "the watch ends",
                "a watch ends only with an error",
            )),
            Err(_) => Err(Failure::new(
                format!("no event within {patience:?}"),
                "a watch tells every write that begins after it is open",
            )),
        }
    }

    /// So many events, as [`tell`] has them.
    async fn hear(&mut self, events: usize) -> Result<Vec<String>, Failure> {
        let mut told = Vec::with_capacity(events);
        for _ in 0..events {
            told.push(tell(&self.next().await?));
        }
        Ok(told)
    }

    /// All events before and with this one.
    pub(in crate::checks) async fn hear_until(
        &mut self,
        last: &str,
    ) -> Result<Vec<String>, Failure> {
        let mut told = Vec::new();
        loop {
            told.push(tell(&self.next().await?));
            if told.last().is_some_and(|event| event == last) {
                return Ok(told);
            }
        }
    }

    /// Judges the next events, which are all of one key and so come in order. The last is like
    /// none before it.
    pub(in crate::checks) async fn hears(&mut self, expected: &[&str], promise: &str) -> Verdict {
        if self.is_lossy {
            let last = expected.last().expect("something is expected");
            let told = self.hear_until(last).await?;
            return in_order(&told, expected, promise);
        }
        let told = self.hear(expected.len()).await?;
        same(
            told,
            expected.iter().map(|event| (*event).to_owned()).collect(),
            promise,
        )
    }

    /// Judges the next events, which are of several keys and so come in any order. The last of
    /// each key is like none before it.
    pub(in crate::checks) async fn hears_all(
        &mut self,
        expected: &[&str],
        promise: &str,
    ) -> Verdict {
        if self.is_lossy {
            return self.hears_each(expected, promise).await;
        }
        let mut told = self.hear(expected.len()).await?;
        let mut expected: Vec<String> = expected.iter().map(|event| (*event).to_owned()).collect();
        told.sort_unstable();
        expected.sort_unstable();
        same(told, expected, promise)
    }

    /// Hears the last event of each key, and judges what came of it before, key by key.
    async fn hears_each(&mut self, expected: &[&str], promise: &str) -> Verdict {
        let of = |key: &str, event: &str| key_of(event) == key;
        let mut awaited: Vec<&str> = expected.to_vec();
        let is_last = |at: &usize| {
            let later = &expected[at + 1..];
            later
                .iter()
                .all(|event| key_of(event) != key_of(expected[*at]))
        };
        let lasts: Vec<&str> = (0..expected.len())
            .filter(is_last)
            .map(|at| expected[at])
            .collect();
        awaited.retain(|event| lasts.contains(event));
        let mut told: Vec<String> = Vec::new();
        while !awaited.is_empty() {
            let event = tell(&self.next().await?);
            awaited.retain(|last| *last != event);
            told.push(event);
        }
        for event in &told {
            let key = key_of(event);
            let told: Vec<String> = told
                .iter()
                .filter(|event| of(key, event))
                .cloned()
                .collect();
            let expected: Vec<&str> = expected
                .iter()
                .copied()
                .filter(|event| of(key, event))
                .collect();
            in_order(&told, &expected, promise)?;
        }
        Ok(())
    }
}

/// Judges events of a key that need not be all, but no others, and in this order. One told twice
/// is one whose value was read for another, too.
fn in_order(told: &[String], expected: &[&str], promise: &str) -> Verdict {
    let mut left = expected;
    for event in told {
        let Some(at) = left.iter().position(|one| one == event) else {
            let answered = format!("{event:?} of {told:?}");
            return Err(Failure::new(answered, format!("{promise}: {expected:?}")));
        };
        left = &left[at..];
    }
    Ok(())
}

/// The key that an event told is about; the keys here have no equals sign.
fn key_of(told: &str) -> &str {
    let key = told.trim_start_matches(['-', '~']);
    key.split_once('=').map_or(key, |(key, _)| key)
}
