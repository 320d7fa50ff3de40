use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// A monotonic clock: setting the time of day moves no time to live. It goes by the process's own
/// timers, which on Linux do not count the time that the machine is asleep; keys live longer by that.
pub(crate) struct Clock {
    start: Instant,
}

/// Nanoseconds on a [`Clock`]. Never zero, so that an optional one takes no more room, and
/// good for 584 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(NonZeroU64);

// === impl Clock ===

impl Clock {
    pub(crate) fn now(&self) -> Moment {
        Moment::from_nanos(self.start.elapsed())
    }

    /// The moment so long from now.
    pub(crate) fn after(&self, ttl: Duration) -> Moment {
        Moment::from_nanos(self.start.elapsed().saturating_add(ttl))
    }

    /// The moment as timers know it.
    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        self.start + Duration::from_nanos(moment.0.get())
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

// === impl Moment ===

impl Moment {
    pub(crate) fn as_nanos(self) -> u64 {
        self.0.get()
    }

    pub(crate) fn new(nanos: u64) -> Self {
        Self(NonZeroU64::new(nanos).unwrap_or(NonZeroU64::MIN))
    }

    fn from_nanos(elapsed: Duration) -> Self {
        Self::new(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
    }
}
