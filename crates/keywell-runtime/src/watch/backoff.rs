//! How long to wait before what failed is tried again: no longer than [`Backoff::most`], and shortened
//! at random by at most half.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use crate::watch::options::Backoff;

/// The waits of one thing that fails again and again.
pub(crate) struct Waits {
    backoff: Backoff,
    failures: u32,
}

// === impl Waits ===

impl Waits {
    pub(crate) fn new(backoff: Backoff) -> Self {
        Self {
            backoff,
            failures: 0,
        }
    }

    pub(crate) fn next(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.backoff.after(self.failures)
    }
}

// === impl Backoff ===

impl Backoff {
    /// How long to wait after so many failures.
    pub(crate) fn after(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(30);
        let full = self.first.saturating_mul(1 << doublings).min(self.most);
        // 0 to 1023 of 2048 parts are taken off.
        let part = u32::try_from(random() % 1024).expect("a number below 1024");
        full.saturating_sub(full / 2048 * part)
    }
}

/// A number that cannot be foreseen.
pub(crate) fn random() -> u64 {
    // The standard library's hasher is seeded by the operating system, and differs each time.
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_most_and_are_shortened_by_at_most_half() {
        let first = Duration::from_millis(100);
        let most = Duration::from_secs(1);
        let mut waits = Waits::new(Backoff { first, most });
        for full in [100, 200, 400, 800, 1000, 1000].map(Duration::from_millis) {
            let wait = waits.next();
            assert!(wait <= full && wait >= full / 2, "{wait:?} of {full:?}");
        }
        assert!(Backoff { first, most }.after(u32::MAX) <= most);
    }
}
