use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures::Stream as _;
use keywell_store::{Error, MAX_PAGE_KEYS, Result, Watch, Watching};
use parking_lot::Mutex;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::Pollable;

use super::event::OwnEvent;

/// A watch of a component.
///
/// Nothing runs for it: it is polled in the component's own calls, and in `wasi:io/poll`. It reads
/// ahead one event, of at most [`Subscription::BYTES`] and a key.
pub(crate) struct Subscription {
    watching: Watching,
    following: Arc<Mutex<Following>>,
}

/// What `wasi:io/poll` waits for.
pub(super) struct Readiness(Arc<Mutex<Following>>);

struct Following {
    /// `None` once it ended.
    watch: Option<Watch>,
    /// Read and not yet answered.
    ahead: Option<OwnEvent>,
    /// Why it ended.
    end: Option<Error>,
    /// The token of the last event that was answered, or of the beginning.
    last: Option<String>,
}

// === impl Subscription ===

impl Subscription {
    /// The most bytes of a batch of events, and of a value or a version that an event carries.
    pub(crate) const BYTES: usize = 1 << 20;

    pub(super) fn new(watch: Watch, watching: Watching) -> Self {
        let following = Following {
            last: watch.start().map(|token| token.as_str().to_owned()),
            watch: Some(watch),
            ahead: None,
            end: None,
        };
        Self {
            watching,
            following: Arc::new(Mutex::new(following)),
        }
    }

    pub(super) fn watching(&self) -> Watching {
        self.watching
    }

    /// What is ready once there is an event, or the end.
    pub(super) fn readiness(&self) -> Readiness {
        Readiness(self.following.clone())
    }

    /// The events that are there, at most so many.
    pub(super) fn take(&self, limit: usize) -> Result<Vec<OwnEvent>> {
        self.following.lock().take(limit.clamp(1, MAX_PAGE_KEYS))
    }

    /// Where to resume.
    pub(super) fn reached(&self) -> Option<String> {
        self.following.lock().reached()
    }

    /// How many changes were coalesced.
    pub(super) fn coalesced(&self) -> u64 {
        let following = self.following.lock();
        following.watch.as_ref().map_or(0, Watch::coalesced)
    }

    /// Ends it, also where a pollable of it is left.
    pub(crate) fn close(&self) {
        let mut following = self.following.lock();
        following.ahead = None;
        following.end(Error::Unavailable("the subscription was dropped".into()));
    }
}

// === impl Readiness ===

#[async_trait]
impl Pollable for Readiness {
    async fn ready(&mut self) {
        poll_fn(|cx| self.0.lock().poll_ready(cx)).await;
    }
}

// === impl Following ===

impl Following {
    /// Ready when there is an event, or an end.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(watch) = self.watch.as_mut().filter(|_| self.ahead.is_none()) else {
            return Poll::Ready(());
        };
        match ready!(Pin::new(watch).poll_next(cx)) {
            Some(Ok(event)) => self.ahead = Some(OwnEvent::within(event, Subscription::BYTES)),
            Some(Err(error)) => self.end(error),
            None => self.end(Error::Unavailable("the watch ended".into())),
        }
        Poll::Ready(())
    }

    fn take(&mut self, limit: usize) -> Result<Vec<OwnEvent>> {
        let (mut events, mut bytes) = (Vec::new(), 0);
        let mut cx = Context::from_waker(Waker::noop());
        while events.len() < limit && self.poll_ready(&mut cx).is_ready() {
            let Some(event) = self.ahead.take() else {
                break;
            };
            bytes += event.bytes();
            if bytes > Subscription::BYTES && !events.is_empty() {
                self.ahead = Some(event);
                break;
            }
            if let Some(token) = event.token() {
                self.last = Some(token.clone());
            }
            events.push(event);
        }
        match &self.end {
            Some(error) if events.is_empty() => Err(error.clone()),
            _ => Ok(events),
        }
    }

    fn reached(&self) -> Option<String> {
        let watch = self.watch.as_ref()?;
        // To the watch, what is read ahead is delivered.
        let reached = match &self.ahead {
            None => watch.reached().map(|token| token.as_str().to_owned()),
            Some(_) => None,
        };
        reached.or_else(|| self.last.clone())
    }

    fn end(&mut self, error: Error) {
        self.watch = None;
        self.end.get_or_insert(error);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use bytes::Bytes;
    use futures::stream::{self, StreamExt as _};
    use keywell_store::{Event, Invalid, ResumeToken};

    use super::*;

    fn set(number: usize, bytes: usize) -> Event {
        Event::Set {
            key: number.to_string(),
            value: Bytes::from(vec![0; bytes]),
            version: None,
            token: Some(ResumeToken::from(number.to_string())),
        }
    }

    fn subscription(
        events: impl futures::Stream<Item = Result<Event>> + Send + 'static,
    ) -> Subscription {
        let start = Some(ResumeToken::from("start".to_owned()));
        Subscription::new(Watch::new(start, events), Watching::Resumable)
    }

    #[test]
    fn a_batch_is_bounded_in_number_and_in_bytes_and_loses_none() {
        let sizes = [1, 1, 1, Subscription::BYTES / 2, Subscription::BYTES, 1];
        let events = sizes.into_iter().enumerate();
        let events = stream::iter(events.map(|(number, bytes)| Ok(set(number, bytes))));
        let all = subscription(events.chain(stream::pending()));
        assert_eq!(all.reached().as_deref(), Some("start"));
        let lengths = [2, 100, 100, 100].map(|limit| all.take(limit).unwrap().len());
        // With its key, the fifth is too large for the others, and not for itself.
        assert_eq!(lengths, [2, 2, 1, 1]);
        assert_eq!(all.reached().as_deref(), Some("5"));
        assert!(all.take(100).unwrap().is_empty());
    }

    #[test]
    fn what_is_read_ahead_is_not_reached() {
        let events = stream::iter([set(0, 1), set(1, Subscription::BYTES)].map(Ok));
        let watch = Watch::new(None, events.chain(stream::pending()));
        let watch = watch.reaching(|| ResumeToken::from("past both".to_owned()));
        let ahead = Subscription::new(watch, Watching::Resumable);
        assert_eq!(ahead.take(100).unwrap().len(), 1);
        assert_eq!(ahead.reached().as_deref(), Some("0"));
        assert_eq!(ahead.take(100).unwrap().len(), 1);
        assert_eq!(ahead.reached().as_deref(), Some("past both"));
    }

    #[test]
    fn a_value_larger_than_a_batch_is_left_out() {
        let events = stream::iter([Ok(set(0, Subscription::BYTES + 1))]);
        let events = subscription(events.chain(stream::pending()))
            .take(1)
            .unwrap();
        assert!(events[0].bytes() < 10);
    }

    #[test]
    fn an_end_is_answered_behind_the_events_and_again() {
        let events = stream::iter([Ok(set(0, 1)), Err(Invalid::Compacted.into())]);
        let ended = subscription(events.chain(stream::pending()));
        assert_eq!(ended.take(100).unwrap().len(), 1);
        for _ in 0..2 {
            let end = ended.take(100).map(drop);
            assert!(
                matches!(end, Err(Error::Invalid(Invalid::Compacted))),
                "{end:?}"
            );
        }
        assert_eq!(ended.reached(), None);
    }

    #[tokio::test]
    async fn one_that_is_dropped_ends_its_watch_and_wakes_what_waits() {
        struct Noting(Arc<AtomicBool>);
        impl Drop for Noting {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let ended = Arc::new(AtomicBool::new(false));
        let noting = Noting(ended.clone());
        let dropped = subscription(stream::pending().map(move |event| {
            let _ = &noting;
            event
        }));
        let mut readiness = dropped.readiness();
        dropped.close();
        assert!(ended.load(Ordering::Relaxed));
        readiness.ready().await;
    }
}
