//! What happens when, in simulated time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

/// Events in the order of their time, and of their numbers where that is the same.
pub(super) struct Schedule<T> {
    now: Duration,
    queue: BinaryHeap<Reverse<(Duration, u64)>>,
    events: BTreeMap<u64, T>,
    last: u64,
}

// === impl Schedule ===

impl<T> Schedule<T> {
    pub(super) fn new() -> Self {
        Self {
            now: Duration::ZERO,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            last: 0,
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.now
    }

    /// The number of the event that is added next.
    pub(super) fn next_number(&self) -> u64 {
        self.last + 1
    }

    pub(super) fn after(&mut self, pause: Duration, event: T) {
        self.at(self.now + pause, event);
    }

    pub(super) fn at(&mut self, at: Duration, event: T) {
        self.last += 1;
        self.queue.push(Reverse((at, self.last)));
        self.events.insert(self.last, event);
    }

    /// Goes on to the next event, unless that comes after the end.
    pub(super) fn next_until(&mut self, end: Duration) -> Option<T> {
        let Reverse((at, number)) = self.queue.pop()?;
        if at > end {
            return None;
        }
        self.now = at;
        self.events.remove(&number)
    }
}
