use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Moment;

/// Which keys of a stripe end, and when. Holds each key with a deadline once, so it never grows
/// past the stripe itself however often a deadline is moved.
#[derive(Default)]
pub(crate) struct Expiries(BTreeSet<(Moment, Arc<str>)>);

/// When the next key of a bucket ends, at the earliest: for the timers of watchers.
///
/// It may ring for a deadline that was moved or called off, never too late. What it is told it
/// keeps until [`Alarm::take`]; whoever takes it looks at all stripes and sets it again.
///
/// Sequentially consistent with the count of sleepers in the log: a watcher counts itself, then
/// looks here; whoever sets the alarm looks at the count after.
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

    /// A key whose deadline has come.
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

    /// Rings at this moment, unless it rings before.
    pub(crate) fn set(&self, deadline: Moment) {
        // Most deadlines are later than the earliest, and then the line stays shared.
        if deadline.as_nanos() < self.0.load(Ordering::SeqCst) {
            self.0.fetch_min(deadline.as_nanos(), Ordering::SeqCst);
        }
    }

    /// Turns it off if it has rung.
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
