//! The events that a watch's reader has not taken yet.
//!
//! - Filling the queue never waits for the reader.
//! - Each event is taken, counted as coalesced, or covered by a gap. The last event of a key stands for
//!   those before it once 1024 events, or 8 MiB, wait.
//! - It keeps at most 64 MiB and 2^18 events. A value beyond that is dropped, and its key is re-read
//!   once there is room ([`Backlog`]). Only where there is no room for keys either, there is a gap,
//!   behind which the present state of named keys follows.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use keywell_store::{Error, Event, Result};
use parking_lot::Mutex;

use super::backlog::{Backlog, Reread};

/// The queue between a watch's listeners and its reader.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The keys whose state is emitted again behind a gap, in order.
    named: Arc<[String]>,
    state: Mutex<State>,
    coalesced: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    /// How many events the reader has taken.
    taken: u64,
    /// The number of the last event of a key, counted from the first event.
    latest: HashMap<String, u64>,
    bytes: usize,
    backlog: Backlog,
    /// Events were dropped since the last one that had room.
    has_gap: bool,
    end: Option<Error>,
    is_ended: bool,
    waker: Option<Waker>,
}

// === impl Queue ===

impl Queue {
    /// From so many events or bytes on, those of one key become one.
    const COALESCE_FROM: usize = 1024;
    const COALESCE_FROM_BYTES: usize = 8 << 20;
    /// The most that is kept; what is beyond goes to the backlog.
    const MAX_EVENTS: usize = 1 << 18;
    const MAX_BYTES: usize = 64 << 20;

    pub(super) fn new(named: Arc<[String]>) -> Self {
        Self {
            named,
            ..Self::default()
        }
    }

    /// How many events were coalesced into a later one.
    pub(super) fn coalesced(&self) -> &Arc<AtomicU64> {
        &self.coalesced
    }

    /// Adds the event in which this many events of its key have resulted.
    pub(super) fn push(&self, event: Event, events: u64) {
        let waker = {
            let mut state = self.state.lock();
            if state.is_ended || state.end.is_some() {
                return;
            }
            if state.backlog.merge(&event, events) {
                // They count when the key is re-read.
            } else if let Some(earlier) = state.earlier(&event) {
                state.replace(earlier, event);
                self.count(events);
            } else if state.has_room(&event) {
                state.append(event);
                // Under the lock: with the event, all events are accounted for.
                self.count(events.saturating_sub(1));
            } else if !state.backlog.add(&event, events) {
                self.overflow(&mut state, &event, events);
            }
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Counts events that lead to none by themselves.
    pub(super) fn count(&self, events: u64) {
        self.coalesced.fetch_add(events, Ordering::Relaxed);
    }

    /// Drops events of a key, which is a gap, unless the key is named.
    fn overflow(&self, state: &mut State, event: &Event, events: u64) {
        let is_named = |key| self.named.binary_search_by(|named| named.as_str().cmp(key));
        if event.key().is_some_and(|key| is_named(key).is_ok()) {
            state.backlog.add_named(event, events);
        } else if !state.has_gap {
            state.has_gap = true;
            state.latest.clear();
            for key in &*self.named {
                state.backlog.add_state(key);
            }
        }
    }

    /// Wakes the reader to ask for more of the backlog, as a re-read has led to no event.
    pub(super) fn resume_rereads(&self) {
        let waker = {
            let mut state = self.state.lock();
            if state.backlog.is_empty() {
                return;
            }
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Reports that events may have been missed.
    pub(super) fn gap(&self) {
        let waker = {
            let mut state = self.state.lock();
            // Two gaps in a row are one.
            if !matches!(state.events.back(), Some(Event::Gap)) {
                state.append(Event::Gap);
            }
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends the watch behind the events that are queued.
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

    /// The next event, and the keys that are to be re-read now.
    pub(super) fn poll(
        &self,
        context: &Context<'_>,
        rereads: &mut Vec<(String, Reread)>,
    ) -> Poll<Option<Result<Event>>> {
        let mut state = self.state.lock();
        if let Some(event) = state.take() {
            let room = Self::MAX_BYTES.saturating_sub(state.bytes);
            rereads.extend(state.backlog.next_within(room));
            return Poll::Ready(Some(Ok(event)));
        }
        if state.is_ended {
            return Poll::Ready(None);
        }
        if let Some(error) = state.end.take() {
            state.is_ended = true;
            return Poll::Ready(Some(Err(error)));
        }
        state.backlog.next_batch(rereads);
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

// === impl State ===

impl State {
    /// The earlier event of the same key that this one replaces, if it has room there.
    fn earlier(&self, event: &Event) -> Option<usize> {
        let is_long =
            self.events.len() >= Queue::COALESCE_FROM || self.bytes >= Queue::COALESCE_FROM_BYTES;
        let number = *self.latest.get(event.key()?).filter(|_| is_long)?;
        let position = usize::try_from(number - self.taken).ok()?;
        let others = self.bytes.saturating_sub(size(self.events.get(position)?));
        (others + size(event) <= Queue::MAX_BYTES).then_some(position)
    }

    fn has_room(&self, event: &Event) -> bool {
        self.events.len() < Queue::MAX_EVENTS && self.bytes + size(event) <= Queue::MAX_BYTES
    }

    fn append(&mut self, event: Event) {
        let is_gap = matches!(event, Event::Gap);
        if std::mem::take(&mut self.has_gap) && !is_gap {
            self.bytes += size(&Event::Gap);
            self.events.push_back(Event::Gap);
        }
        let number = self.taken + self.events.len() as u64;
        self.bytes += size(&event);
        if let Some(key) = event.key() {
            self.latest.insert(key.to_owned(), number);
        }
        self.events.push_back(event);
        if is_gap {
            // Events behind a gap replace none before it.
            self.latest.clear();
        }
    }

    fn replace(&mut self, position: usize, event: Event) {
        if let Some(earlier) = self.events.get_mut(position) {
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

    const MIB: usize = 1 << 20;

    fn set(key: &str, value: &str) -> Event {
        Event::Set {
            key: key.to_owned(),
            value: value.to_owned().into(),
            version: None,
            token: None,
        }
    }

    /// All events, and the keys that are re-read with how many events each.
    fn drain(queue: &Queue) -> (Vec<Event>, Vec<(String, u64)>) {
        let context = Context::from_waker(Waker::noop());
        let (mut taken, mut rereads) = (Vec::new(), Vec::new());
        loop {
            let mut now = Vec::new();
            match queue.poll(&context, &mut now) {
                Poll::Ready(event) => taken.push(event.unwrap().unwrap()),
                Poll::Pending if now.is_empty() => return (taken, rereads),
                Poll::Pending => {}
            }
            rereads.extend(now.into_iter().map(|(key, reread)| (key, reread.events())));
        }
    }

    #[test]
    fn each_event_is_taken_or_counted() {
        let queue = Queue::default();
        for n in 0..10_000 {
            queue.push(set(&format!("k{}", n % 700), &n.to_string()), 1 + n % 3);
        }
        let (taken, rereads) = drain(&queue);
        let mut last: HashMap<String, u64> = HashMap::new();
        let count = taken.len() as u64;
        for event in taken {
            let Event::Set { key, value, .. } = event else {
                panic!("{event:?}")
            };
            let value: u64 = std::str::from_utf8(&value).unwrap().parse().unwrap();
            assert!(last.insert(key, value).is_none_or(|before| before < value));
        }
        let events: u64 = (0..10_000).map(|n| 1 + n % 3).sum();
        assert_eq!(count + queue.coalesced().load(Ordering::Relaxed), events);
        assert!(
            last.values().all(|value| *value >= 9_300),
            "the last stands"
        );
        assert!(rereads.is_empty() && queue.state.lock().latest.is_empty());
    }

    #[test]
    fn values_without_room_are_re_read() {
        let queue = Queue::default();
        let large = "v".repeat(MIB);
        for n in 0..100 {
            queue.push(set(&n.to_string(), &large), 1 + n % 2);
        }
        queue.push(set("99", "small"), 3);
        let (taken, rereads) = drain(&queue);
        assert!(taken.len() > 60 && taken.len() < 70, "{}", taken.len());
        let events = rereads.iter().map(|(_, events)| events).sum::<u64>();
        let counted = queue.coalesced().load(Ordering::Relaxed);
        assert_eq!(taken.len() as u64 + counted + events, 153);
        let taken = taken.iter().map(|event| event.key().unwrap().to_owned());
        let keys: Vec<String> = taken
            .chain(rereads.into_iter().map(|(key, _)| key))
            .collect();
        let expected: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        assert_eq!(keys, expected, "each once, and in order");
    }

    #[test]
    fn replacing_small_values_by_large_ones_stays_within_the_bound() {
        let queue = Queue::default();
        for n in 0..2500 {
            queue.push(set(&n.to_string(), "v"), 1);
        }
        let large = "v".repeat(MIB);
        for n in 0..200 {
            queue.push(set(&n.to_string(), &large), 1);
            assert!(queue.state.lock().bytes <= Queue::MAX_BYTES);
        }
        let (taken, rereads) = drain(&queue);
        let counted = queue.coalesced().load(Ordering::Relaxed);
        assert_eq!(taken.len() as u64 + counted + rereads.len() as u64, 2700);
        assert_eq!(queue.state.lock().bytes, 0);
    }

    #[test]
    fn keys_without_room_are_a_gap_behind_which_named_keys_are_re_read() {
        let queue = Queue::new(["m".to_owned(), "n".to_owned()].into());
        queue.push(set("n", "first"), 1);
        let large = "v".repeat(MIB);
        for n in 0..64 {
            queue.push(set(&n.to_string(), &large), 1);
        }
        for n in 0..20_000 {
            queue.push(set(&format!("{n:1000}"), &large), 1);
        }
        queue.push(set("n", "last"), 2);
        let (taken, rereads) = drain(&queue);
        assert_eq!(
            taken.iter().filter(|event| **event == Event::Gap).count(),
            1
        );
        assert_eq!(taken.last(), Some(&Event::Gap));
        let reread = |key: &str| rereads.iter().find(|(reread, _)| reread == key);
        assert_eq!(reread("n"), Some(&("n".to_owned(), 2)));
        assert_eq!(reread("m"), Some(&("m".to_owned(), 0)), "its state alone");
        assert!(rereads.len() < 10_000, "{}", rereads.len());
        queue.push(set("x", "y"), 1);
        assert_eq!(drain(&queue), (vec![set("x", "y")], Vec::new()));
    }

    #[test]
    fn events_behind_a_gap_stay_behind_it() {
        let queue = Queue::default();
        for n in 0..2000 {
            queue.push(set(&n.to_string(), "before"), 1);
        }
        queue.gap();
        queue.push(set("7", "behind"), 1);
        let (taken, _) = drain(&queue);
        assert_eq!(taken[7], set("7", "before"));
        assert_eq!(taken[2000..], [Event::Gap, set("7", "behind")]);
    }

    #[test]
    fn it_ends_once_with_the_error() {
        let queue = Queue::default();
        queue.push(set("k", "v"), 1);
        queue.end(Error::Unsupported("more"));
        let context = Context::from_waker(Waker::noop());
        let poll = || queue.poll(&context, &mut Vec::new());
        assert!(matches!(poll(), Poll::Ready(Some(Ok(_)))));
        assert!(matches!(poll(), Poll::Ready(Some(Err(_)))));
        assert!(matches!(poll(), Poll::Ready(None)));
    }
}
