use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Moment;

/// The keys of a stripe that have a deadline, ordered by it. Each key is held once, so it is never
/// larger than the stripe, however often deadlines change.
#[derive(Default)]
pub(crate) struct Expiries(BTreeSet<(Moment, Arc<str>)>);

/// The earliest deadline of a bucket, for the timers of watchers.
///
/// It may ring for a deadline that was changed or removed, but never too late. It keeps its time until
/// [`Alarm::take`]; the caller then checks all stripes and sets it again.
///
/// Sequentially consistent with the count of sleepers in the log: a watcher first counts itself, then
/// reads the alarm; a writer first sets the alarm, then reads the count.
pub(crate) struct Alarm(AtomicU64);

// === impl Expiries ===

impl Expiries {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Moves a key from one deadline to another.
    pub(crate) fn shift(&mut self, key: &Arc<str>, old: Option<Moment>, new: Option<Moment>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.0.remove(&(old, key.clone()));
        }
        if let Some(new) = new {
            self.0.insert((new, key.clone()));
        }
    }

    pub(crate) fn earliest(&self) -> Option<Moment> {
        self.0.first().map(|(deadline, _)| *deadline)
    }

    pub(crate) fn latest(&self) -> Option<Moment> {
        self.0.last().map(|(deadline, _)| *deadline)
    }

    /// A key whose deadline has passed.
    pub(crate) fn due(&self, now: Moment) -> Option<Arc<str>> {
        self.0
            .first()
            .filter(|(deadline, _)| *deadline <= now)
            .map(|(_, key)| key.clone())
    }
}

// === impl Alarm ===

impl Alarm {
    const NEVER: u64 = u64::MAX;

    pub(crate) fn get(&self) -> Option<Moment> {
        let nanos = self.0.load(Ordering::SeqCst);
        (nanos != Self::NEVER).then(|| Moment::new(nanos))
    }

    /// Rings at this moment, unless it rings earlier.
    pub(crate) fn set(&self, deadline: Moment) {
        // Most deadlines are later than the earliest. Then the cache line stays shared.
        if deadline.as_nanos() < self.0.load(Ordering::SeqCst) {
            self.0.fetch_min(deadline.as_nanos(), Ordering::SeqCst);
        }
    }

    /// Turns the alarm off if it has rung; whether it had.
    pub(crate) fn take(&self, now: Moment) -> bool {
        let nanos = self.0.load(Ordering::SeqCst);
        nanos <= now.as_nanos()
            && self
                .0
                .compare_exchange(nanos, Self::NEVER, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
    }
}

impl Default for Alarm {
    fn default() -> Self {
        Self(AtomicU64::new(Self::NEVER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alarm_rings_for_the_earliest() {
        let alarm = Alarm::default();
        assert_eq!(alarm.get(), None);
        for nanos in [20, 10, 30] {
            alarm.set(Moment::new(nanos));
        }
        assert_eq!(alarm.get(), Some(Moment::new(10)));
        assert!(!alarm.take(Moment::new(9)));
        assert!(alarm.take(Moment::new(10)));
        assert!(!alarm.take(Moment::new(10)), "it rings once");
        assert_eq!(alarm.get(), None);
    }
}
