use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Nanoseconds since 1970, on the service's clock.
pub(crate) type Time = i64;

/// How long a sample is preferred to one that was longer on its way.
const KEPT: Duration = Duration::from_mins(1);

/// The service's clock, as its responses show it. This machine's may be set to anything.
///
/// It is late by the time that a response takes to arrive, and never early.
#[derive(Default)]
pub(crate) struct Clock(Mutex<Option<(Instant, Time)>>);

// === impl Clock ===

impl Clock {
    /// Notes the time of a response that has just arrived.
    pub(crate) fn saw(&self, time: Time) {
        let mut sample = self.0.lock();
        let now = Instant::now();
        let is_better = sample.is_none_or(|sample| now - sample.0 > KEPT || time > at(sample, now));
        if is_better {
            *sample = Some((now, time));
        }
    }

    /// The time now; the start of 1970 before the first response.
    pub(crate) fn now(&self) -> Time {
        let sample = *self.0.lock();
        sample.map_or(0, |sample| at(sample, Instant::now()))
    }
}

fn at((seen, time): (Instant, Time), now: Instant) -> Time {
    time.saturating_add(nanos(now - seen))
}

/// A duration as nanoseconds, at most 292 years.
pub(crate) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_response_that_arrived_soonest_counts_for_a_minute() {
        let clock = Clock::default();
        assert_eq!(clock.now(), 0);
        clock.saw(1000);
        tokio::time::advance(Duration::from_nanos(50)).await;
        assert_eq!(clock.now(), 1050);
        clock.saw(1040);
        assert_eq!(clock.now(), 1050);
        clock.saw(1060);
        assert_eq!(clock.now(), 1060);
        tokio::time::advance(KEPT * 2).await;
        clock.saw(7);
        assert_eq!(clock.now(), 7);
    }
}
