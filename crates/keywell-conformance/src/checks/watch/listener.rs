use futures::StreamExt as _;
use keywell_store::{Event, Filter, ResumeToken, Since, Watch};

use crate::failure::{Failure, Verdict, holds, same};
use crate::scratch::{Handle, Scratch};

/// Reads a watch, and fails if an event does not arrive in time.
///
/// A watch that does not coalesce delivers every write, once. One that does may make one event of
/// several writes of a key, with the last value. Its events must be a subsequence of the writes, and
/// include the last write of each key.
pub(in crate::checks) struct Listener<'a> {
    scratch: &'a Scratch<'a>,
    pub(in crate::checks) watch: Watch,
    pub(in crate::checks) coalesces: bool,
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
        let coalesces = bucket.capabilities().watch.coalesces();
        Ok(Self {
            scratch,
            watch,
            coalesces,
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
                "a watch delivers every write that begins after it is open",
            )),
        }
    }

    /// This many events, as [`text`].
    async fn hear(&mut self, events: usize) -> Result<Vec<String>, Failure> {
        let mut received = Vec::with_capacity(events);
        for _ in 0..events {
            received.push(text(&self.next().await?));
        }
        Ok(received)
    }

    /// All events up to and including this one.
    pub(in crate::checks) async fn hear_until(
        &mut self,
        last: &str,
    ) -> Result<Vec<String>, Failure> {
        let mut received = Vec::new();
        loop {
            received.push(text(&self.next().await?));
            if received.last().is_some_and(|event| event == last) {
                return Ok(received);
            }
        }
    }

    /// Checks that the next events, all of one key, are these, in order. The last must differ from
    /// those before it.
    pub(in crate::checks) async fn hears(&mut self, expected: &[&str], promise: &str) -> Verdict {
        if self.coalesces {
            let last = expected.last().expect("something is expected");
            let received = self.hear_until(last).await?;
            return in_order(&received, expected, promise);
        }
        let received = self.hear(expected.len()).await?;
        same(
            received,
            expected.iter().map(|event| (*event).to_owned()).collect(),
            promise,
        )
    }

    /// As [`Listener::hears`], where each of some events may be missing, but not the last one.
    pub(in crate::checks) async fn hears_some(
        &mut self,
        expected: &[&str],
        optional: &[&str],
        promise: &str,
    ) -> Verdict {
        let last = expected.last().expect("something is expected");
        let received = self.hear_until(last).await?;
        if self.coalesces {
            return in_order(&received, expected, promise);
        }
        let mut left = received.iter().peekable();
        let matches = expected.iter().all(|event| {
            let is_next = left.next_if(|received| received == event).is_some();
            is_next || optional.contains(event)
        });
        let is_all = matches && left.next().is_none();
        let promise = format!("{promise}: {expected:?}");
        holds(is_all, &received, &promise)
    }

    /// Checks that the next events, of several keys, are these, in any order. The last of each key
    /// must differ from those before it.
    pub(in crate::checks) async fn hears_all(
        &mut self,
        expected: &[&str],
        promise: &str,
    ) -> Verdict {
        if self.coalesces {
            return self.hears_each(expected, promise).await;
        }
        let mut received = self.hear(expected.len()).await?;
        let mut expected: Vec<String> = expected.iter().map(|event| (*event).to_owned()).collect();
        received.sort_unstable();
        expected.sort_unstable();
        same(received, expected, promise)
    }

    /// Waits for the last event of each key, and checks the earlier ones key by key.
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
        let mut received: Vec<String> = Vec::new();
        while !awaited.is_empty() {
            let event = text(&self.next().await?);
            awaited.retain(|last| *last != event);
            received.push(event);
        }
        for event in &received {
            let key = key_of(event);
            let received: Vec<String> = received
                .iter()
                .filter(|event| of(key, event))
                .cloned()
                .collect();
            let expected: Vec<&str> = expected
                .iter()
                .copied()
                .filter(|event| of(key, event))
                .collect();
            in_order(&received, &expected, promise)?;
        }
        Ok(())
    }
}

/// Checks that the events are a subsequence of the expected ones. An event may repeat: a watch that
/// coalesces may read its value for an earlier write, too.
fn in_order(received: &[String], expected: &[&str], promise: &str) -> Verdict {
    let mut left = expected;
    for event in received {
        let Some(at) = left.iter().position(|one| one == event) else {
            let answered = format!("{event:?} of {received:?}");
            return Err(Failure::new(answered, format!("{promise}: {expected:?}")));
        };
        left = &left[at..];
    }
    Ok(())
}

/// The key of an event as [`text`]. The keys here contain no equals sign.
pub(super) fn key_of(event: &str) -> &str {
    let key = event.trim_start_matches(['-', '~']);
    key.split_once('=').map_or(key, |(key, _)| key)
}

/// An event as short text: `key=value`, `-key` if deleted, `~key` if expired.
pub(super) fn text(event: &Event) -> String {
    match event {
        Event::Set { key, value, .. } => format!("{key}={}", String::from_utf8_lossy(value)),
        Event::Delete { key, expired, .. } => {
            format!("{}{key}", if *expired { '~' } else { '-' })
        }
        other => format!("{other:?}"),
    }
}
