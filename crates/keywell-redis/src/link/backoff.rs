use std::time::Duration;

use tokio::time::timeout;

/// How long to wait before the next attempt: twice as long each time up to a limit, less a random
/// part, so that those who lost the same server do not come back together.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    first: Duration,
    longest: Duration,
}

// === impl Backoff ===

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        let first = first.min(longest);
        Self {
            next: first,
            first,
            longest,
        }
    }

    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }

    pub(crate) async fn pause(&mut self) {
        let delay = self.delay();
        // Nothing to wait for but time itself.
        let _ = timeout(delay, std::future::pending::<()>()).await;
    }

    fn delay(&mut self) -> Duration {
        let full = self.next;
        self.next = (full * 2).min(self.longest);
        full.mul_f64(rand::random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_vary() {
        let millis = Duration::from_millis;
        let mut backoff = Backoff::new(millis(20), millis(100));
        for full in [20, 40, 80, 100, 100] {
            let delay = backoff.delay();
            assert!(
                delay >= millis(full) / 2 && delay <= millis(full),
                "{delay:?}"
            );
        }
        backoff.reset();
        assert!(backoff.delay() <= millis(20));
    }
}
