use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// A monotonic clock, so setting the time of day affects no time to live. On Linux it stops while the
/// machine is suspended; keys live longer by that.
pub(crate) struct Clock {
    start: Instant,
}

/// Nanoseconds on a [`Clock`], up to 584 years. Never zero, so that an optional one has the same size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(NonZeroU64);

// === impl Clock ===

impl Clock {
    pub(crate) fn now(&self) -> Moment {
        Moment::from_nanos(self.start.elapsed())
    }

    /// The moment `ttl` from now.
    pub(crate) fn after(&self, ttl: Duration) -> Moment {
        Moment::from_nanos(self.start.elapsed().saturating_add(ttl))
    }

    /// The moment as an [`Instant`].
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

    /// How long it is after `earlier`; `None` if it is not.
    pub(crate) fn since(self, earlier: Self) -> Option<Duration> {
        let nanos = self.as_nanos().checked_sub(earlier.as_nanos())?;
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }

    pub(crate) fn new(nanos: u64) -> Self {
        Self(NonZeroU64::new(nanos).unwrap_or(NonZeroU64::MIN))
    }

    fn from_nanos(elapsed: Duration) -> Self {
        Self::new(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
    }
}
