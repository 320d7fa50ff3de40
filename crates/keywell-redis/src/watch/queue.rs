use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use keywell_store::{Error, Event, Result};
use parking_lot::Mutex;

use super::owed::{Debt, Owed};

/// What a watch was not told yet. Whoever fills it never waits; whoever reads it slowly hears of
/// several writes of a key as one. Where a value has no room, its key is owed, and read again later.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The keys that are told again after a gap, in order.
    named: Arc<[String]>,
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
    owed: Owed,
    /// Events were left out since the last one that fitted.
    has_gap: bool,
    end: Option<Error>,
    is_ended: bool,
    waker: Option<Waker>,
}

// === impl Queue ===

impl Queue {
    /// From so many events or bytes on, those of one key are told as one.
    const COALESCED_FROM: usize = 1024;
    const COALESCED_FROM_BYTES: usize = 8 << 20;
    /// At most so much is kept; what is beyond it is owed.
    const MAX_EVENTS: usize = 1 << 18;
    const MAX_BYTES: usize = 64 << 20;

    pub(super) fn new(named: Arc<[String]>) -> Self {
        Self {
            named,
            ..Self::default()
        }
    }

    /// The count of what was told within a later event.
    pub(super) fn coalesced(&self) -> &Arc<AtomicU64> {
        &self.coalesced
    }

    /// Adds what a key has come to by this many events.
    pub(super) fn push(&self, event: Event, events: u64) {
        let waker = {
            let mut state = self.state.lock();
            if state.is_ended || state.end.is_some() {
                return;
            }
            if state.owed.add(&event, events) {
                // They count when they are told.
            } else if let Some(earlier) = state.earlier(&event) {
                state.replace(earlier, event);
                self.count(events);
            } else if state.has_room(&event) {
                state.append(event);
                // Before anybody can take the event: told and counted are all that was.
                self.count(events.saturating_sub(1));
            } else if !state.owed.owe(&event, events) {
                self.overflow(&mut state, &event, events);
            }
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

    /// Leaves out events of a key, which is a gap, unless the key is named.
    fn overflow(&self, state: &mut State, event: &Event, events: u64) {
        let is_named = |key| self.named.binary_search_by(|named| named.as_str().cmp(key));
        if event.key().is_some_and(|key| is_named(key).is_ok()) {
            state.owed.force(event, events);
        } else if !state.has_gap {
            state.has_gap = true;
            state.latest.clear();
            for key in &*self.named {
                state.owed.force_key(key);
            }
        }
    }

    /// Nothing is told of a key that was read. Whoever waits may be owed others.
    pub(super) fn pass(&self) {
        let waker = {
            let mut state = self.state.lock();
            if state.owed.is_empty() {
                return;
            }
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
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

    /// The next event, and the keys that are to be read again now.
    pub(super) fn poll(
        &self,
        context: &Context<'_>,
        asked: &mut Vec<(String, Debt)>,
    ) -> Poll<Option<Result<Event>>> {
        let mut state = self.state.lock();
        if let Some(event) = state.take() {
            let room = Self::MAX_BYTES.saturating_sub(state.bytes);
            asked.extend(state.owed.next(room));
            return Poll::Ready(Some(Ok(event)));
        }
        if state.is_ended {
            return Poll::Ready(None);
        }
        if let Some(error) = state.end.take() {
            state.is_ended = true;
            return Poll::Ready(Some(Err(error)));
        }
        state.owed.some(asked);
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

// === impl State ===

impl State {
    /// The earlier event of the same key that this one may stand for, if it has room there.
    fn earlier(&self, event: &Event) -> Option<usize> {
        let is_long =
            self.events.len() >= Queue::COALESCED_FROM || self.bytes >= Queue::COALESCED_FROM_BYTES;
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
            // What comes behind it is told behind it.
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

    /// Everything that there is to tell, and the keys that are read again, with how many events.
    fn drain(queue: &Queue) -> (Vec<Event>, Vec<(String, u64)>) {
        let context = Context::from_waker(Waker::noop());
        let (mut told, mut asked) = (Vec::new(), Vec::new());
        loop {
            let mut now = Vec::new();
            match queue.poll(&context, &mut now) {
                Poll::Ready(event) => told.push(event.unwrap().unwrap()),
                Poll::Pending if now.is_empty() => return (told, asked),
                Poll::Pending => {}
            }
            asked.extend(now.into_iter().map(|(key, debt)| (key, debt.events)));
        }
    }

    #[test]
    fn each_event_is_told_or_counted() {
        let queue = Queue::default();
        for n in 0..10_000 {
            queue.push(set(&format!("k{}", n % 700), &n.to_string()), 1 + n % 3);
        }
        let (told, asked) = drain(&queue);
        let mut last: HashMap<String, u64> = HashMap::new();
        let count = told.len() as u64;
        for event in told {
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
        assert!(asked.is_empty() && queue.state.lock().latest.is_empty());
    }

    #[test]
    fn what_does_not_fit_is_owed() {
        let queue = Queue::default();
        let large = "v".repeat(MIB);
        for n in 0..100 {
            queue.push(set(&n.to_string(), &large), 1 + n % 2);
        }
        queue.push(set("99", "small"), 3);
        let (told, asked) = drain(&queue);
        assert!(told.len() > 60 && told.len() < 70, "{}", told.len());
        let events = asked.iter().map(|(_, events)| events).sum::<u64>();
        let counted = queue.coalesced().load(Ordering::Relaxed);
        assert_eq!(told.len() as u64 + counted + events, 153);
        let told = told.iter().map(|event| event.key().unwrap().to_owned());
        let keys: Vec<String> = told.chain(asked.into_iter().map(|(key, _)| key)).collect();
        let expected: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        assert_eq!(keys, expected, "each once, and in order");
    }

    #[test]
    fn what_grows_is_bounded_too() {
        let queue = Queue::default();
        for n in 0..2500 {
            queue.push(set(&n.to_string(), "v"), 1);
        }
        let large = "v".repeat(MIB);
        for n in 0..200 {
            queue.push(set(&n.to_string(), &large), 1);
            assert!(queue.state.lock().bytes <= Queue::MAX_BYTES);
        }
        let (told, asked) = drain(&queue);
        let counted = queue.coalesced().load(Ordering::Relaxed);
        assert_eq!(told.len() as u64 + counted + asked.len() as u64, 2700);
        assert_eq!(queue.state.lock().bytes, 0);
    }

    #[test]
    fn what_cannot_be_owed_is_a_gap_and_what_is_named_comes_behind_it() {
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
        let (told, asked) = drain(&queue);
        assert_eq!(told.iter().filter(|event| **event == Event::Gap).count(), 1);
        assert_eq!(told.last(), Some(&Event::Gap));
        let asked_for = |key: &str| asked.iter().find(|(asked, _)| asked == key);
        assert_eq!(asked_for("n"), Some(&("n".to_owned(), 2)));
        assert_eq!(
            asked_for("m"),
            Some(&("m".to_owned(), 0)),
            "it is only told"
        );
        assert!(asked.len() < 10_000, "{}", asked.len());
        queue.push(set("x", "y"), 1);
        assert_eq!(drain(&queue), (vec![set("x", "y")], Vec::new()));
    }

    #[test]
    fn what_comes_behind_a_gap_is_told_behind_it() {
        let queue = Queue::default();
        for n in 0..2000 {
            queue.push(set(&n.to_string(), "before"), 1);
        }
        queue.gap();
        queue.push(set("7", "behind"), 1);
        let (told, _) = drain(&queue);
        assert_eq!(told[7], set("7", "before"));
        assert_eq!(told[2000..], [Event::Gap, set("7", "behind")]);
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
