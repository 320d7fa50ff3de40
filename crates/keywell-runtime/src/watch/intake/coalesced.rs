use std::time::{Duration, Instant};

use crate::watch::counters::Counters;

/// Tells in the log what the store coalesced, at most once a minute and at the end.
pub(crate) struct Losses {
    told: u64,
    not_before: Instant,
}

// === impl Losses ===

impl Losses {
    const PAUSE: Duration = Duration::from_mins(1);

    pub(crate) fn new(now: Instant) -> Self {
        Self {
            told: 0,
            not_before: now,
        }
    }

    /// When there is more to be told, if there is.
    pub(crate) fn due(&self, counters: &Counters) -> Option<Instant> {
        (counters.read().coalesced > self.told).then_some(self.not_before)
    }

    /// Tells what is due.
    pub(crate) fn tell(&mut self, trigger: &str, counters: &Counters, now: Instant) {
        if self.due(counters).is_some_and(|at| at <= now) {
            self.not_before = now + Self::PAUSE;
            self.tell_now(trigger, counters);
        }
    }

    /// Tells what is not told yet.
    pub(crate) fn tell_now(&mut self, trigger: &str, counters: &Counters) {
        let coalesced = counters.read().coalesced;
        if coalesced > self.told {
            self.told = coalesced;
            tracing::warn!(
                trigger,
                "changes coalesced so far: {coalesced}; of each, a later one of its key was told instead"
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
        let mut losses = Losses::new(begun);
        assert_eq!(losses.due(&counters), None);
        counters.coalesced(3);
        assert_eq!(losses.due(&counters), Some(begun));
        losses.tell("t", &counters, begun);
        assert_eq!(losses.due(&counters), None);
        counters.coalesced(1);
        let later = begun + Duration::from_mins(1);
        losses.tell("t", &counters, begun + Duration::from_secs(59));
        assert_eq!(losses.due(&counters), Some(later));
        losses.tell("t", &counters, later);
        assert_eq!(losses.due(&counters), None);
    }
}
