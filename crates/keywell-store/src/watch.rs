use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures::{Stream, StreamExt as _};

use crate::{Event, Result, ResumeToken};

/// Where a watch begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Since {
    /// From the moment the watch is open: every write that begins after it is delivered.
    #[default]
    Now,
    /// From just after the event that carried this token, or the watch that began with it.
    After(ResumeToken),
}

/// The events of a bucket, as a stream.
///
/// It ends only with an error: [`Compacted`](crate::Invalid::Compacted) when its reader fell behind
/// the history, or whatever took the store away. Dropping it ends the watch.
pub struct Watch {
    start: Option<ResumeToken>,
    events: Pin<Box<dyn Stream<Item = Result<Event>> + Send>>,
    coalesced: Option<Arc<AtomicU64>>,
    reached: Option<Box<dyn Fn() -> ResumeToken + Send>>,
}

// === impl Watch ===

impl Watch {
    /// Wraps a store's stream. `start` is a token for the moment before its first event.
    pub fn new(
        start: Option<ResumeToken>,
        events: impl Stream<Item = Result<Event>> + Send + 'static,
    ) -> Self {
        Self {
            start,
            events: Box::pin(events),
            coalesced: None,
            reached: None,
        }
    }

    /// Sets how to find out how far the stream has come, past changes of other keys that it does not
    /// deliver. It is called while the stream is not polled.
    #[must_use]
    pub fn reaching(mut self, reached: impl Fn() -> ResumeToken + Send + 'static) -> Self {
        self.reached = Some(Box::new(reached));
        self
    }

    /// Sets where the store counts the changes that it coalesces into a later one of the same key.
    #[must_use]
    pub fn counting(mut self, coalesced: Arc<AtomicU64>) -> Self {
        self.coalesced = Some(coalesced);
        self
    }

    /// The same watch, with each event changed on its way.
    #[must_use]
    pub fn map_events(self, mut change: impl FnMut(Event) -> Event + Send + 'static) -> Self {
        let events = self.events.map(move |event| event.map(&mut change));
        Self {
            events: Box::pin(events),
            ..self
        }
    }

    /// The same watch, with only the events that are wanted.
    #[must_use]
    pub fn only(self, mut is_wanted: impl FnMut(&Event) -> bool + Send + 'static) -> Self {
        let events = self.events.filter(move |event| {
            let stays = event.as_ref().map_or(true, &mut is_wanted);
            std::future::ready(stays)
        });
        Self {
            events: Box::pin(events),
            ..self
        }
    }

    /// How many changes were coalesced into a later one of the same key, where the store knows it.
    /// Only watches that [may](crate::Watching::coalesces) do that. Changes that a lossy one missed
    /// are in no count, but behind its gaps.
    pub fn coalesced(&self) -> u64 {
        self.coalesced
            .as_ref()
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// How far it has come: every matching event up to there was delivered. It advances also while
    /// nothing matches, so that a reader that stores it from time to time can resume even when the
    /// last event is long gone from the history. `None` where a store does not know; then it is the
    /// token of the last event, or the [start](Self::start).
    pub fn reached(&self) -> Option<ResumeToken> {
        self.reached.as_ref().map(|reached| reached())
    }

    /// Where to resume if no event comes: the moment the watch began.
    pub fn start(&self) -> Option<&ResumeToken> {
        self.start.as_ref()
    }
}

impl Stream for Watch {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}
