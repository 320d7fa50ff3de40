//! Which write caused which event: what stops a component that triggers itself for ever.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use keywell_store::{Bucket, Store};
use keywell_wasi::Origin;
use parking_lot::Mutex;

use super::caused::Caused;

/// The writes that deliveries of this process have made lately, each with how many deliveries led
/// to it.
///
/// An event is taken for the effect of a write of the same key and value that no event of the same
/// trigger was taken for before. What it cannot see: chains that go through another process, through
/// HTTP, or through a store that was opened twice, and writes that are older than five minutes or
/// than 65,536 later ones when their event comes.
pub(crate) struct Causes {
    hasher: RandomState,
    ledger: Mutex<Ledger>,
}

/// A bucket, to the ledger: the same for all who opened it from the same store.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    store: usize,
    bucket: String,
    /// What keys begin with beneath the grant.
    prefix: String,
}

/// What a write did to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Set it to a value of this hash.
    Set(u64),
    /// Set it to a value not known beforehand.
    Counted,
    /// Removed it.
    Deleted,
}

#[derive(Default)]
struct Ledger {
    writes: HashMap<u64, VecDeque<Write>>,
    oldest_first: VecDeque<(Instant, u64)>,
}

struct Write {
    effect: Effect,
    /// How many deliveries led to the one that made it, itself counted.
    hops: u32,
    /// The triggers that have had its event.
    told: Vec<u64>,
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

    /// Wraps a bucket so that writes of deliveries are entered.
    pub(crate) fn layer(
        self: &Arc<Self>,
        origin: &Origin,
        bucket: Arc<dyn Bucket>,
    ) -> Arc<dyn Bucket> {
        let place = Place::of(origin, origin.bucket.as_str());
        Arc::new(Caused::new(bucket, place, self.clone()))
    }

    pub(super) fn set(&self, value: &[u8]) -> Effect {
        Effect::Set(self.hasher.hash_one(value))
    }

    /// Enters a write that is about to be made, if a delivery is what makes it. Beforehand, since
    /// its event may come before its answer.
    pub(super) fn enter(&self, place: &Place, key: &str, effect: impl FnOnce() -> Effect) {
        let Some(hops) = DELIVERING.get() else {
            return;
        };
        let write = Write {
            effect: effect(),
            hops: hops.saturating_add(1),
            told: Vec::new(),
        };
        let key = self.key(place, key);
        self.ledger.lock().enter(key, write, Instant::now());
    }

    /// How many deliveries led to an event; 0 where nothing tells of any.
    pub(super) fn hops(
        &self,
        trigger: u64,
        place: &Place,
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

    fn key(&self, place: &Place, key: &str) -> u64 {
        let key = [&*place.prefix, key].concat();
        self.hasher.hash_one((place.store, &place.bucket, key))
    }
}

// === impl Ledger ===

impl Ledger {
    fn enter(&mut self, key: u64, write: Write, now: Instant) {
        while let Some((at, oldest)) = self.oldest_first.front().copied() {
            let is_old = now.saturating_duration_since(at) > Causes::KEPT_FOR;
            if !is_old && self.oldest_first.len() < Causes::KEPT {
                break;
            }
            self.oldest_first.pop_front();
            self.forget(oldest);
        }
        self.oldest_first.push_back((now, key));
        self.writes.entry(key).or_default().push_back(write);
    }

    fn forget(&mut self, key: u64) {
        if let Some(writes) = self.writes.get_mut(&key) {
            writes.pop_front();
            if writes.is_empty() {
                self.writes.remove(&key);
            }
        }
    }

    fn take(&mut self, key: u64, trigger: u64, effect: Effect) -> u32 {
        let Some(writes) = self.writes.get_mut(&key) else {
            return 0;
        };
        let caused = writes.iter_mut().find(|write| {
            let same = match (write.effect, effect) {
                (Effect::Counted, Effect::Set(_)) => true,
                (written, told) => written == told,
            };
            same && !write.told.contains(&trigger)
        });
        caused.map_or(0, |write| {
            write.told.push(trigger);
            write.hops
        })
    }
}

// === impl Place ===

impl Place {
    pub(super) fn new(origin: &Origin) -> Self {
        Self {
            prefix: origin.prefix.clone(),
            ..Self::of(origin, origin.bucket.as_str())
        }
    }

    /// Another bucket of the same store.
    pub(super) fn of(origin: &Origin, bucket: &str) -> Self {
        let store: *const dyn Store = &*origin.store;
        Self {
            store: store.cast::<()>().addr(),
            bucket: bucket.to_owned(),
            prefix: String::new(),
        }
    }
}

/// Polls a delivery of so many hops.
pub(super) fn poll<F: Future + ?Sized>(
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

    fn write(effect: Effect, hops: u32) -> Write {
        Write {
            effect,
            hops,
            told: Vec::new(),
        }
    }

    #[test]
    fn each_trigger_takes_a_write_once() {
        let mut ledger = Ledger::default();
        ledger.enter(1, write(Effect::Set(7), 3), Instant::now());
        assert_eq!(ledger.take(1, 100, Effect::Set(8)), 0);
        assert_eq!(ledger.take(1, 100, Effect::Set(7)), 3);
        assert_eq!(ledger.take(1, 100, Effect::Set(7)), 0);
        assert_eq!(ledger.take(1, 200, Effect::Set(7)), 3);
        assert_eq!(ledger.take(2, 100, Effect::Set(7)), 0);
    }

    #[test]
    fn a_count_is_any_value_and_no_removal() {
        let mut ledger = Ledger::default();
        ledger.enter(1, write(Effect::Counted, 1), Instant::now());
        assert_eq!(ledger.take(1, 100, Effect::Deleted), 0);
        assert_eq!(ledger.take(1, 100, Effect::Set(8)), 1);
    }

    #[test]
    fn the_ledger_is_bounded_in_number_and_in_time() {
        let mut ledger = Ledger::default();
        let now = Instant::now();
        for key in 0..Causes::KEPT as u64 + 10 {
            ledger.enter(key, write(Effect::Deleted, 1), now);
        }
        assert_eq!(ledger.oldest_first.len(), Causes::KEPT);
        assert_eq!(ledger.writes.len(), Causes::KEPT);
        let later = now + Causes::KEPT_FOR + Duration::from_secs(1);
        ledger.enter(0, write(Effect::Deleted, 1), later);
        assert_eq!(ledger.writes.len(), 1);
    }
}
