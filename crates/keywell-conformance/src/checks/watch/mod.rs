mod events;
mod filters;
mod many;
mod resume;

pub(crate) use events::*;
pub(crate) use filters::*;
pub(crate) use many::*;
pub(crate) use resume::*;

use futures::StreamExt as _;
use keywell_store::{Event, Filter, ResumeToken, Since, Watch};

use crate::failure::{Failure, Verdict, same};
use crate::scratch::{Handle, Scratch};

/// Somebody who hears a watch, with patience.
struct Listener<'a> {
    scratch: &'a Scratch<'a>,
    watch: Watch,
    /// How many of its coalesced changes belong to events that were judged.
    accounted: usize,
}

// === impl Listener ===

impl<'a> Listener<'a> {
    async fn new(
        scratch: &'a Scratch<'_>,
        bucket: &Handle,
        filter: Filter,
    ) -> Result<Self, Failure> {
        let watch = bucket.watch(filter, Since::Now).await?;
        Ok(Self {
            scratch,
            watch,
            accounted: 0,
        })
    }

    async fn resumed(
        scratch: &'a Scratch<'_>,
        bucket: &Handle,
        filter: Filter,
        token: ResumeToken,
    ) -> Result<Self, Failure> {
        let watch = bucket.watch(filter, Since::After(token)).await?;
        Ok(Self {
            scratch,
            watch,
            accounted: 0,
        })
    }

    async fn next(&mut self) -> Result<Event, Failure> {
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

    /// The events of so many changes of one key, as [`tell`] has them: as many, unless a lossy watch
    /// tells some within a later one, and counts them.
    async fn hear(&mut self, changes: usize) -> Result<Vec<String>, Failure> {
        let mut told = Vec::with_capacity(changes);
        while told.len() + self.coalesced() < changes {
            told.push(tell(&self.next().await?));
        }
        self.accounted += self.coalesced();
        Ok(told)
    }

    /// How many changes were told within later ones, since it was last asked for events.
    fn coalesced(&self) -> usize {
        usize::try_from(self.watch.coalesced()).map_or(0, |all| all - self.accounted)
    }

    /// All events before and with this one.
    async fn hear_until(&mut self, last: &str) -> Result<Vec<String>, Failure> {
        let mut told = Vec::new();
        loop {
            told.push(tell(&self.next().await?));
            if told.last().is_some_and(|event| event == last) {
                return Ok(told);
            }
        }
    }

    /// Judges the next events, which are all of one key and so come in order.
    async fn hears(&mut self, expected: &[&str], promise: &str) -> Verdict {
        let told = self.hear(expected.len()).await?;
        let expected: Vec<String> = expected.iter().map(|event| (*event).to_owned()).collect();
        in_order(told, expected, promise)
    }

    /// Judges the next events, which are of several keys and so come in any order.
    async fn hears_all(&mut self, expected: &[&str], promise: &str) -> Verdict {
        let mut told = Vec::with_capacity(expected.len());
        for _ in expected {
            told.push(tell(&self.next().await?));
        }
        let mut expected: Vec<String> = expected.iter().map(|event| (*event).to_owned()).collect();
        told.sort_unstable();
        expected.sort_unstable();
        same(told, expected, promise)
    }
}

/// Judges events of one key by what each of its changes would be told as. Some may be missing, as
/// they are where they were coalesced, but not the last one, and no order is another.
fn in_order<T: PartialEq + std::fmt::Debug>(
    told: Vec<T>,
    expected: Vec<T>,
    promise: &str,
) -> Verdict {
    let mut rest = expected.iter();
    let is_part = told.iter().all(|event| rest.any(|change| change == event));
    if is_part && told.last() == expected.last() {
        return Ok(());
    }
    same(told, expected, promise)
}

/// An event as short text: `key=value`, `-key` for deleted, `~key` for expired.
fn tell(event: &Event) -> String {
    match event {
        Event::Set { key, value, .. } => format!("{key}={}", String::from_utf8_lossy(value)),
        Event::Delete { key, expired, .. } => {
            format!("{}{key}", if *expired { '~' } else { '-' })
        }
        other => format!("{other:?}"),
    }
}
