use std::time::Duration;

use tokio::time::Instant;

/// Counts what happens too often to log each time: once a minute at most.
#[derive(Default)]
pub(crate) struct Seldom {
    count: u64,
    logged: Option<Instant>,
}

// === impl Seldom ===

impl Seldom {
    const PERIOD: Duration = Duration::from_mins(1);

    /// It happened. How often, since that was last answered, where it is to be logged now.
    pub(crate) fn happened(&mut self, now: Instant) -> Option<u64> {
        self.count += 1;
        let is_due = self
            .logged
            .is_none_or(|logged| now.duration_since(logged) >= Self::PERIOD);
        is_due.then(|| {
            self.logged = Some(now);
            std::mem::take(&mut self.count)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_logged_at_once_and_then_once_a_minute() {
        let mut seldom = Seldom::default();
        let now = Instant::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        let logged = [0, 1, 59, 60, 61, 200].map(|seconds| seldom.happened(after(seconds)));
        assert_eq!(logged, [Some(1), None, None, Some(3), None, Some(2)]);
    }
}
