use std::time::Duration;

use tokio::time::timeout;

/// How long to wait before the next attempt.
///
/// The wait is `first` after the first failure and doubles with each one after it, up to `longest`.
/// Each wait is shortened at random by up to half, so that clients that lost the same server do not
/// return together.
///
/// ```
/// use std::time::Duration;
///
/// use keywell_client::Backoff;
///
/// let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
/// assert!(backoff.next_wait() <= Duration::from_millis(100));
/// assert!(backoff.next_wait() >= Duration::from_millis(100));
/// backoff.reset();
/// assert!(backoff.next_wait() <= Duration::from_millis(100));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

// === impl Backoff ===

impl Backoff {
    /// Without failures so far. Where `first` is more than `longest`, `longest` counts.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            failures: 0,
        }
    }

    /// Counts a failure, and says how long to wait after it.
    pub fn next_wait(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.after(self.failures)
    }

    /// Counts a failure, and waits.
    pub async fn pause(&mut self) {
        let wait = self.next_wait();
        // Nothing to wait for but time itself.
        let _ = timeout(wait, std::future::pending::<()>()).await;
    }

    /// Forgets the failures, after an attempt that succeeded.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after so many failures, for callers that count them: between half of
    /// `first`, doubled for each failure but the first, and the whole of it.
    pub fn after(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let full = self.first.saturating_mul(1 << doublings).min(self.longest);
        full.mul_f64(rand::random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_vary() {
        let millis = Duration::from_millis;
        let mut backoff = Backoff::new(millis(20), millis(100));
        for full in [20, 40, 80, 100, 100] {
            let wait = backoff.next_wait();
            assert!(
                wait >= millis(full) / 2 && wait <= millis(full),
                "{wait:?} of {full} ms"
            );
        }
        backoff.reset();
        assert!(backoff.next_wait() <= millis(20));
    }

    #[test]
    fn no_number_of_failures_and_no_setting_overflows() {
        let backoff = Backoff::new(Duration::MAX, Duration::from_secs(1));
        for failures in [0, 1, 32, 33, u32::MAX] {
            assert!(backoff.after(failures) <= Duration::from_secs(1));
        }
        let mut longest = Backoff::new(Duration::from_nanos(1), Duration::MAX);
        longest.failures = u32::MAX;
        assert!(longest.next_wait() >= Duration::from_secs(1));
        let none = Backoff::new(Duration::ZERO, Duration::ZERO);
        assert_eq!(none.after(7), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_takes_as_long_as_the_wait() {
        let began = tokio::time::Instant::now();
        let longest = Duration::from_secs(4);
        Backoff::new(longest, longest).pause().await;
        assert!(began.elapsed() >= longest / 2 && began.elapsed() <= longest);
    }
}
