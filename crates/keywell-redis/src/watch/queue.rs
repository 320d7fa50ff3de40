use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use keywell_store::{Error, Event, Result};
use parking_lot::Mutex;

/// What a watch was not told yet. Whoever fills it never waits; whoever reads it slowly hears of
/// several writes of a key as one.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    coalesced: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    /// How many events were taken from the front since the beginning.
    taken: u64,
    /// The latest event of a key, counted from the beginning.
    latest: HashMap<String, u64>,
    bytes: usize,
    /// Events were left out since the last one that fitted.
    has_gap: bool,
    end: Option<Error>,
    is_ended: bool,
    waker: Option<Waker>,
}

// === impl Queue ===

impl Queue {
    /// From so many events on, those of one key are told as one.
    const COALESCED_FROM: usize = 1024;
    /// At most so much is kept; what is beyond it is a gap.
    const MAX_EVENTS: usize = 1 << 18;
    const MAX_BYTES: usize = 64 << 20;

    /// The count of what was told within a later event.
    pub(super) fn coalesced(&self) -> &Arc<AtomicU64> {
        &self.coalesced
    }

    /// Adds what a key has come to by this many events.
    pub(super) fn push(&self, event: Event, events: u64) {
        let mut merged = events.saturating_sub(1);
        let waker = {
            let mut state = self.state.lock();
            if state.is_ended || state.end.is_some() {
                return;
            }
            let key = event.key().unwrap_or_default();
            let earlier = state.latest.get(key).copied();
            let is_long = state.events.len() >= Self::COALESCED_FROM;
            if let (true, Some(earlier)) = (is_long, earlier) {
                state.replace(earlier, event);
                merged += 1;
            } else if !state.append(event) {
                return;
            }
            // Before anybody can take the event: told and counted are all that was.
            self.coalesced.fetch_add(merged, Ordering::Relaxed);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Counts events that end in nothing to tell by themselves.
    pub(super) fn count(&self, events: u64) {
        self.coalesced.fetch_add(events, Ordering::Relaxed);
    }

    /// Says that events may have been missed here.
    pub(super) fn gap(&self) {
        let waker = {
            let mut state = self.state.lock();
            // Between two gaps there has to be something.
            if !matches!(state.events.back(), Some(Event::Gap)) {
                state.append(Event::Gap);
            }
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends it behind what is in it.
    pub(super) fn end(&self, error: Error) {
        let waker = {
            let mut state = self.state.lock();
            state.end.get_or_insert(error);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<Option<Result<Event>>> {
        let mut state = self.state.lock();
        if let Some(event) = state.take() {
            return Poll::Ready(Some(Ok(event)));
        }
        if state.is_ended {
            return Poll::Ready(None);
        }
        if let Some(error) = state.end.take() {
            state.is_ended = true;
            return Poll::Ready(Some(Err(error)));
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

// === impl State ===

impl State {
    fn append(&mut self, event: Event) -> bool {
        let is_full = self.events.len() >= Queue::MAX_EVENTS || self.bytes >= Queue::MAX_BYTES;
        if is_full && !matches!(event, Event::Gap) {
            self.has_gap = true;
            return false;
        }
        if std::mem::take(&mut self.has_gap) && !matches!(event, Event::Gap) {
            self.events.push_back(Event::Gap);
        }
        let number = self.taken + self.events.len() as u64;
        self.bytes += size(&event);
        if let Some(key) = event.key() {
            self.latest.insert(key.to_owned(), number);
        }
        self.events.push_back(event);
        true
    }

    fn replace(&mut self, number: u64, event: Event) {
        let position = usize::try_from(number - self.taken).ok();
        let earlier = position.and_then(|position| self.events.get_mut(position));
        if let Some(earlier) = earlier {
            self.bytes = (self.bytes + size(&event)).saturating_sub(size(earlier));
            *earlier = event;
        }
    }

    fn take(&mut self) -> Option<Event> {
        let Some(event) = self.events.pop_front() else {
            return std::mem::take(&mut self.has_gap).then_some(Event::Gap);
        };
        let number = self.taken;
        self.taken += 1;
        self.bytes = self.bytes.saturating_sub(size(&event));
        if let Some(key) = event.key()
            && self.latest.get(key) == Some(&number)
        {
            self.latest.remove(key);
        }
        Some(event)
    }
}

fn size(event: &Event) -> usize {
    match event {
        Event::Set { key, value, .. } => 64 + key.len() + value.len(),
        Event::Delete { key, .. } => 64 + key.len(),
        _ => 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &str, value: &str) -> Event {
        Event::Set {
            key: key.to_owned(),
            value: value.to_owned().into(),
            version: None,
            token: None,
        }
    }

    fn next(queue: &Queue) -> Option<Event> {
        let context = Context::from_waker(Waker::noop());
        match queue.poll(&context) {
            Poll::Ready(Some(event)) => Some(event.unwrap()),
            _ => None,
        }
    }

    #[test]
    fn each_event_is_told_or_counted() {
        let queue = Queue::default();
        for n in 0..10_000 {
            queue.push(set(&format!("k{}", n % 700), &n.to_string()), 1 + n % 3);
        }
        let mut told = 0;
        let mut last: HashMap<String, u64> = HashMap::new();
        while let Some(event) = next(&queue) {
            let Event::Set { key, value, .. } = event else {
                panic!("{event:?}")
            };
            let value: u64 = std::str::from_utf8(&value).unwrap().parse().unwrap();
            assert!(last.insert(key, value).is_none_or(|before| before < value));
            told += 1;
        }
        let events: u64 = (0..10_000).map(|n| 1 + n % 3).sum();
        assert_eq!(told + queue.coalesced().load(Ordering::Relaxed), events);
        assert!(
            last.values().all(|value| *value >= 9_300),
            "the last stands"
        );
        assert!(queue.state.lock().latest.is_empty());
    }

    #[test]
    fn what_does_not_fit_is_a_gap() {
        let queue = Queue::default();
        let large = "v".repeat(1 << 20);
        for n in 0..100 {
            queue.push(set(&n.to_string(), &large), 1);
        }
        let mut told = Vec::new();
        while let Some(event) = next(&queue) {
            told.push(event);
        }
        assert_eq!(told.iter().filter(|event| **event == Event::Gap).count(), 1);
        assert_eq!(told.last(), Some(&Event::Gap));
        assert!(told.len() > 60 && told.len() < 70, "{}", told.len());
        queue.push(set("x", "y"), 1);
        assert_eq!(next(&queue), Some(set("x", "y")));
    }

    #[test]
    fn it_ends_once_with_the_error() {
        let queue = Queue::default();
        queue.push(set("k", "v"), 1);
        queue.end(Error::Unsupported("more"));
        assert!(next(&queue).is_some());
        let context = Context::from_waker(Waker::noop());
        assert!(matches!(queue.poll(&context), Poll::Ready(Some(Err(_)))));
        assert!(matches!(queue.poll(&context), Poll::Ready(None)));
    }
}
