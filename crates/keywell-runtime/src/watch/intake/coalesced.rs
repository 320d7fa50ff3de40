//! Logs how many changes the store coalesced: at most once a minute, and at the end.

use std::time::{Duration, Instant};

use crate::watch::counters::Counters;

/// What was logged of it.
pub(crate) struct CoalescedLog {
    logged: u64,
    not_before: Instant,
}

// === impl CoalescedLog ===

impl CoalescedLog {
    const PAUSE: Duration = Duration::from_mins(1);

    pub(crate) fn new(now: Instant) -> Self {
        Self {
            logged: 0,
            not_before: now,
        }
    }

    /// When there is more to be logged, if there is.
    pub(crate) fn due(&self, counters: &Counters) -> Option<Instant> {
        (counters.read().coalesced > self.logged).then_some(self.not_before)
    }

    /// Logs what is due.
    pub(crate) fn log(&mut self, trigger: &str, counters: &Counters, now: Instant) {
        if self.due(counters).is_some_and(|at| at <= now) {
            self.not_before = now + Self::PAUSE;
            self.log_now(trigger, counters);
        }
    }

    /// Logs what is not logged yet.
    pub(crate) fn log_now(&mut self, trigger: &str, counters: &Counters) {
        let coalesced = counters.read().coalesced;
        if coalesced > self.logged {
            self.logged = coalesced;
            tracing::warn!(
                trigger,
                "changes coalesced so far: {coalesced}; of each, the watch reported a later one of its key instead"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_due_once_a_minute() {
        let (counters, begun) = (Counters::default(), Instant::now());
        let mut log = CoalescedLog::new(begun);
        assert_eq!(log.due(&counters), None);
        counters.coalesced(3);
        assert_eq!(log.due(&counters), Some(begun));
        log.log("t", &counters, begun);
        assert_eq!(log.due(&counters), None);
        counters.coalesced(1);
        let later = begun + Duration::from_mins(1);
        log.log("t", &counters, begun + Duration::from_secs(59));
        assert_eq!(log.due(&counters), Some(later));
        log.log("t", &counters, later);
        assert_eq!(log.due(&counters), None);
    }
}
