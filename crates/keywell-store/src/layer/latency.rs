use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A histogram of times. Its buckets are powers of two: the first is below 128 ns, the last has
/// all from 34 s on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    buckets: [u64; Self::BUCKETS],
    max: Duration,
}

/// A histogram that many threads add to.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    buckets: [AtomicU64; Latency::BUCKETS],
    max_nanos: AtomicU64,
}

// === impl Latency ===

impl Latency {
    const BUCKETS: usize = 30;

    /// Below this power of two of nanoseconds is the first bucket.
    const FIRST: u32 = 7;

    fn bucket(nanos: u64) -> usize {
        let power = (u64::BITS - nanos.leading_zeros()).saturating_sub(Self::FIRST);
        (power as usize).min(Self::BUCKETS - 1)
    }

    /// Each upper bound, without it, and how many times are below it and in no bucket before;
    /// `None` is the last bound.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        self.buckets.iter().enumerate().map(|(bucket, count)| {
            let bound = 1_u64 << (bucket + Self::FIRST as usize);
            let is_last = bucket + 1 == Self::BUCKETS;
            ((!is_last).then(|| Duration::from_nanos(bound)), *count)
        })
    }

    /// How many answers it stands for.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The longest time of those that were taken.
    pub fn max(&self) -> Duration {
        self.max
    }

    /// An upper bound of the time that so many of a thousand answers took at most: less than twice
    /// that time, if it is 128 ns or more. Zero where nothing was timed.
    pub fn permille(&self, permille: u32) -> Duration {
        let wanted = u128::from(self.count()) * u128::from(permille.min(1000));
        let mut below = 0;
        for (bound, count) in self.buckets() {
            below += u128::from(count);
            if count > 0 && below * 1000 >= wanted {
                return bound.map_or(self.max, |bound| bound.min(self.max));
            }
        }
        self.max
    }
}

// === impl Latencies ===

impl Latencies {
    /// Adds a time, which stands for so many answers.
    pub(super) fn add(&self, time: Duration, answers: u64) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[Latency::bucket(nanos)].fetch_add(answers, Ordering::Relaxed);
        self.max_nanos.fetch_max(nanos, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Latency {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Latency {
            buckets: self.buckets.each_ref().map(load),
            max: Duration::from_nanos(load(&self.max_nanos)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_bucket_below_its_bound() {
        let bounds: Vec<_> = Latency::default().buckets().collect();
        for nanos in [0, 127, 128, 1000, 1 << 20, 20_000_000_000, u64::MAX] {
            let time = Duration::from_nanos(nanos);
            let bucket = Latency::bucket(nanos);
            assert!(bounds[bucket].0.is_none_or(|bound| time < bound), "{nanos}");
            let before = bucket.checked_sub(1).and_then(|before| bounds[before].0);
            assert!(before.is_none_or(|bound| time >= bound), "{nanos}");
        }
        assert_eq!(Latency::bucket(35_000_000_000), 29);
    }

    #[test]
    fn a_share_of_the_answers_is_below_a_bound_that_is_not_past_the_longest() {
        let nanos = Duration::from_nanos;
        let latencies = Latencies::default();
        assert_eq!(latencies.read().permille(500), Duration::ZERO);
        for _ in 0..98 {
            latencies.add(nanos(100), 1);
        }
        latencies.add(nanos(1000), 1);
        latencies.add(nanos(5000), 1);
        let latency = latencies.read();
        assert_eq!(latency.count(), 100);
        assert_eq!(latency.permille(500), nanos(128));
        assert_eq!(latency.permille(980), nanos(128));
        assert_eq!(latency.permille(990), nanos(1024));
        assert_eq!(latency.permille(1000), nanos(5000));
        assert_eq!(latency.max(), nanos(5000));
        latencies.add(Duration::MAX, 1000);
        assert_eq!(latencies.read().permille(500), nanos(u64::MAX));
    }
}
