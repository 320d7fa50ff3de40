//! The ledger of writes: how many deliveries led to an event.
//!
//! - A write is entered before it is made, so its event never comes before its entry.
//! - It has at most 65,536 writes, and none that is older than five minutes.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use keywell_store::Store;
use keywell_wasi::Origin;
use parking_lot::Mutex;

use crate::watch::backoff::random;

/// The writes that deliveries of this process have made lately, each with how many deliveries led
/// to it.
///
/// An event is taken for the effect of a write of the same key and value that no event of the same
/// trigger was taken for before. Where several fit, the oldest is used up, as events of a key come in
/// the order of its writes; what counts is the highest number among them, since the oldest may be one
/// that made no event. So a chain is never taken for shorter than it is.
///
/// What it cannot see: chains that go through another process, through HTTP, or through a store that
/// was opened twice, and writes that are older than five minutes or than 65,536 later ones when their
/// event comes.
pub(crate) struct Causes {
    hasher: RandomState,
    ledger: Mutex<Ledger>,
}

/// Counts the hops of the events of one run of a trigger.
pub(crate) struct Chain {
    causes: Arc<Causes>,
    place: BucketPlace,
    /// Different from that of every other run.
    run: u64,
}

/// Where a bucket is: the same for each time that it was opened from the same store.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct BucketPlace {
    store: usize,
    bucket: String,
    /// What keys begin with beneath the grant.
    prefix: String,
}

/// What a write did to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Set it to a value of this hash.
    Set(u64),
    /// Set it to a value not known beforehand.
    Counted,
    /// Removed it.
    Deleted,
}

/// A write in the ledger, by which it is reported how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entered {
    key: u64,
    number: u64,
}

#[derive(Default)]
struct Ledger {
    writes: HashMap<u64, VecDeque<Write>>,
    oldest_first: VecDeque<(Instant, Entered)>,
    /// The number of the next write.
    next: u64,
}

struct Write {
    number: u64,
    /// The number that was next when it was answered: its event comes before those of writes from
    /// there on.
    answered: Option<u64>,
    effect: Effect,
    /// How many deliveries led to the one that made it, itself counted.
    hops: u32,
    /// The triggers that have had its event.
    taken_by: Vec<u64>,
}

thread_local! {
    /// The hops of the delivery that this thread polls.
    static DELIVERING: Cell<Option<u32>> = const { Cell::new(None) };
}

// === impl Causes ===

impl Causes {
    const KEPT: usize = 65_536;
    const KEPT_FOR: Duration = Duration::from_mins(5);

    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            ledger: Mutex::default(),
        }
    }

    pub(crate) fn set(&self, value: &[u8]) -> Effect {
        Effect::Set(self.hasher.hash_one(value))
    }

    /// Enters a write that is about to be made, if a delivery is what makes it. Beforehand, since
    /// its event may come before its answer.
    pub(crate) fn enter(
        &self,
        place: &BucketPlace,
        key: &str,
        effect: impl FnOnce() -> Effect,
    ) -> Option<Entered> {
        let hops = DELIVERING.get()?.saturating_add(1);
        let (key, effect) = (self.key(place, key), effect());
        let mut ledger = self.ledger.lock();
        Some(ledger.enter(key, effect, hops, Instant::now()))
    }

    /// Says that a write was made, so that all of its key that are entered later come after it.
    pub(crate) fn made(&self, entered: Entered) {
        let mut ledger = self.ledger.lock();
        let next = ledger.next;
        if let Some(write) = ledger.find(entered) {
            write.answered = Some(next);
        }
    }

    /// Forgets a write that changed nothing, and so has no event.
    pub(crate) fn take_back(&self, entered: Entered) {
        self.ledger.lock().take_back(entered);
    }

    /// How many deliveries led to an event, as far as is known.
    pub(crate) fn hops(
        &self,
        trigger: u64,
        place: &BucketPlace,
        key: &str,
        value: Option<&Bytes>,
    ) -> u32 {
        if self.ledger.lock().writes.is_empty() {
            return 0;
        }
        let effect = value.map_or(Effect::Deleted, |value| self.set(value));
        let key = self.key(place, key);
        self.ledger.lock().take(key, trigger, effect)
    }

    fn key(&self, place: &BucketPlace, key: &str) -> u64 {
        let key = [&*place.prefix, key].concat();
        self.hasher.hash_one((place.store, &place.bucket, key))
    }
}

// === impl Chain ===

impl Chain {
    /// Of the events of a bucket.
    pub(crate) fn new(causes: Arc<Causes>, place: BucketPlace) -> Self {
        let run = random();
        Self { causes, place, run }
    }

    /// How many deliveries led to an event.
    pub(crate) fn hops(&self, key: &str, value: Option<&Bytes>) -> u32 {
        self.causes.hops(self.run, &self.place, key, value)
    }
}

// === impl Ledger ===

impl Ledger {
    fn enter(&mut self, key: u64, effect: Effect, hops: u32, now: Instant) -> Entered {
        while let Some((at, oldest)) = self.oldest_first.front().copied() {
            let is_old = now.saturating_duration_since(at) > Causes::KEPT_FOR;
            if !is_old && self.oldest_first.len() < Causes::KEPT {
                break;
            }
            self.oldest_first.pop_front();
            self.forget(oldest);
        }
        let number = self.next;
        self.next += 1;
        let entered = Entered { key, number };
        self.oldest_first.push_back((now, entered));
        self.writes.entry(key).or_default().push_back(Write {
            number,
            answered: None,
            effect,
            hops,
            taken_by: Vec::new(),
        });
        entered
    }

    fn find(&mut self, entered: Entered) -> Option<&mut Write> {
        let writes = self.writes.get_mut(&entered.key)?;
        let place = writes.binary_search_by_key(&entered.number, |write| write.number);
        writes.get_mut(place.ok()?)
    }

    fn take_back(&mut self, entered: Entered) {
        self.forget(entered);
        // Others are forgotten in their time.
        if self.oldest_first.back().map(|(_, last)| *last) == Some(entered) {
            self.oldest_first.pop_back();
        }
    }

    fn forget(&mut self, entered: Entered) {
        let Some(writes) = self.writes.get_mut(&entered.key) else {
            return;
        };
        if let Ok(place) = writes.binary_search_by_key(&entered.number, |write| write.number) {
            writes.remove(place);
        }
        if writes.is_empty() {
            self.writes.remove(&entered.key);
        }
    }

    fn take(&mut self, key: u64, trigger: u64, effect: Effect) -> u32 {
        let Some(writes) = self.writes.get_mut(&key) else {
            return 0;
        };
        let fits = |write: &&Write| {
            let same = match (write.effect, effect) {
                (Effect::Counted, Effect::Set(_)) => true,
                (written, seen) => written == seen,
            };
            same && !write.taken_by.contains(&trigger)
        };
        let Some(oldest) = writes.iter().find(fits).map(|write| write.number) else {
            return 0;
        };
        let hops = writes.iter().filter(fits).map(|write| write.hops).max();
        for write in writes.iter_mut() {
            let is_before = write.answered.is_some_and(|next| next <= oldest);
            if (is_before || write.number == oldest) && !write.taken_by.contains(&trigger) {
                write.taken_by.push(trigger);
            }
        }
        hops.unwrap_or_default()
    }
}

// === impl BucketPlace ===

impl BucketPlace {
    pub(crate) fn new(origin: &Origin) -> Self {
        Self {
            prefix: origin.prefix.clone(),
            ..Self::of(&origin.store, origin.bucket.as_str())
        }
    }

    /// A bucket of a store.
    pub(crate) fn of(store: &Arc<dyn Store>, bucket: &str) -> Self {
        let store: *const dyn Store = &**store;
        Self {
            store: store.cast::<()>().addr(),
            bucket: bucket.to_owned(),
            prefix: String::new(),
        }
    }
}

/// Polls a delivery of so many hops.
pub(crate) fn poll<F: Future + ?Sized>(
    hops: u32,
    delivery: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    struct Restore(Option<u32>);
    impl Drop for Restore {
        fn drop(&mut self) {
            DELIVERING.set(self.0);
        }
    }
    let _restore = Restore(DELIVERING.replace(Some(hops)));
    delivery.poll(cx)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trigger_takes_a_write_once() {
        let mut ledger = Ledger::default();
        ledger.enter(1, Effect::Set(7), 3, Instant::now());
        assert_eq!(ledger.take(1, 100, Effect::Set(8)), 0);
        assert_eq!(ledger.take(1, 100, Effect::Set(7)), 3);
        assert_eq!(ledger.take(1, 100, Effect::Set(7)), 0);
        assert_eq!(ledger.take(1, 200, Effect::Set(7)), 3);
        assert_eq!(ledger.take(2, 100, Effect::Set(7)), 0);
    }

    #[test]
    fn several_of_the_same_each_have_their_event() {
        let mut ledger = Ledger::default();
        for hops in [1, 1, 2] {
            ledger.enter(1, Effect::Set(7), hops, Instant::now());
        }
        let taken = [(); 4].map(|()| ledger.take(1, 100, Effect::Set(7)));
        assert_eq!(taken, [2, 2, 2, 0], "none is taken for too few");
    }

    #[test]
    fn what_was_answered_before_is_past_once_a_later_event_comes() {
        let causes = Causes::new();
        let enter = |effect, hops| {
            let mut ledger = causes.ledger.lock();
            ledger.enter(1, effect, hops, Instant::now())
        };
        let take = |effect| causes.ledger.lock().take(1, 100, effect);
        // Coalesced with the later one, as a lossy store may.
        causes.made(enter(Effect::Set(7), 5));
        causes.made(enter(Effect::Set(8), 5));
        assert_eq!(take(Effect::Set(8)), 5);
        assert_eq!(take(Effect::Set(7)), 0);
        // Under way at the same time, so that either may have been made first.
        enter(Effect::Set(7), 5);
        enter(Effect::Set(8), 5);
        assert_eq!(take(Effect::Set(8)), 5);
        assert_eq!(take(Effect::Set(7)), 5);
    }

    #[test]
    fn a_count_is_any_value_and_no_removal() {
        let mut ledger = Ledger::default();
        ledger.enter(1, Effect::Counted, 1, Instant::now());
        assert_eq!(ledger.take(1, 100, Effect::Deleted), 0);
        assert_eq!(ledger.take(1, 100, Effect::Set(8)), 1);
    }

    #[test]
    fn the_ledger_is_bounded_in_number_and_in_time() {
        let mut ledger = Ledger::default();
        let now = Instant::now();
        for key in 0..Causes::KEPT as u64 + 10 {
            ledger.enter(key, Effect::Deleted, 1, now);
        }
        assert_eq!(ledger.oldest_first.len(), Causes::KEPT);
        assert_eq!(ledger.writes.len(), Causes::KEPT);
        let later = now + Causes::KEPT_FOR + Duration::from_secs(1);
        ledger.enter(0, Effect::Deleted, 1, later);
        assert_eq!(ledger.writes.len(), 1);
    }
}
