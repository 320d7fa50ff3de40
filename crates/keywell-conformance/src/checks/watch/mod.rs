mod events;
mod filters;
mod many;
mod resume;

pub(crate) use events::*;
pub(crate) use filters::*;
pub(crate) use many::*;
pub(crate) use resume::*;

use std::time::Duration;

use futures::StreamExt as _;
use keywell_store::{Event, Filter, ResumeToken, Since, Watch};
use tokio::time::Instant;

use crate::failure::{Failure, Verdict, holds, same};
use crate::scratch::{Handle, Scratch};

/// Somebody who hears a watch, with patience.
struct Listener<'a> {
    scratch: &'a Scratch<'a>,
    watch: Watch,
    /// How many coalesced events have been accounted for.
    accounted: u64,
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
        match self.next_of(u64::MAX).await? {
            Some(event) => Ok(event),
            None => Err(Failure::inconclusive("events were coalesced")),
        }
    }

    /// The next event; none once so many were coalesced.
    async fn next_of(&mut self, coalesced: u64) -> Result<Option<Event>, Failure> {
        /// How often it is seen whether the rest was coalesced.
        const GLANCE: Duration = Duration::from_millis(200);
        let patience = self.scratch.patience();
        let until = Instant::now() + patience;
        loop {
            let glance = (Instant::now() + GLANCE).min(until);
            match tokio::time::timeout_at(glance, self.watch.next()).await {
                Ok(Some(Ok(Event::Gap))) => return Err(Failure::inconclusive("events were lost")),
                Ok(Some(event)) => return Ok(Some(event?)),
                Ok(None) => {
                    return Err(Failure::new(
                        "the watch ends",
                        "a watch ends only with an error",
                    ));
                }
                Err(_) if self.watch.coalesced() >= coalesced => return Ok(None),
                Err(_) if Instant::now() < until => {}
                Err(_) if self.watch.coalesced() > 0 => return Ok(None),
                Err(_) => {
                    return Err(Failure::new(
                        format!("no event within {patience:?}"),
                        "a watch tells every write that begins after it is open",
                    ));
                }
            }
        }
    }

    /// As many events as are not coalesced of this many, as [`tell`] has them.
    async fn hear(&mut self, events: usize) -> Result<Vec<String>, Failure> {
        let before = self.accounted;
        let mut told = Vec::with_capacity(events);
        while told.len() < events {
            let missing = (events - told.len()) as u64;
            match self.next_of(before + missing).await? {
                Some(event) => told.push(tell(&event)),
                None => break,
            }
        }
        self.accounted = self.watch.coalesced();
        let counted = usize::try_from(self.accounted - before).unwrap_or(usize::MAX);
        if told.len() < events {
            same(
                told.len() + counted,
                events,
                "each event is told, or counted as coalesced into a later one",
            )?;
        }
        Ok(told)
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
        let expected = expected.iter().map(|event| (*event).to_owned()).collect();
        self.judge(told, expected, promise)
    }

    /// Judges what was told of events that come in order: all of them, save those that are counted
    /// as coalesced into one that was told.
    fn judge(&self, told: Vec<String>, expected: Vec<String>, promise: &str) -> Verdict {
        if self.watch.coalesced() == 0 {
            return same(told, expected, promise);
        }
        let mut rest = expected.iter();
        let in_order = told.iter().all(|event| rest.any(|next| next == event));
        let is_whole = told.last() == expected.last();
        holds(in_order && is_whole, &told, promise)
    }

    /// Judges the next events, which are of several keys and so come in any order.
    async fn hears_all(&mut self, expected: &[&str], promise: &str) -> Verdict {
        let mut told = self.hear(expected.len()).await?;
        let mut expected: Vec<String> = expected.iter().map(|event| (*event).to_owned()).collect();
        told.sort_unstable();
        expected.sort_unstable();
        same(told, expected, promise)
    }
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
