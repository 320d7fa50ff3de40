use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// The moment by which something has to be finished. A copy of it bounds each step of what takes
/// several, so that together they take no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

/// A deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it took too long")]
pub struct Late;

// === impl Deadline ===

impl Deadline {
    /// A limit past this is as good as none, and is cut to it; 30 years.
    const MAX: Duration = Duration::from_hours(30 * 365 * 24);

    /// So much time from now, at most 30 years.
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now() + limit.min(Self::MAX))
    }

    /// How much time is left; none once it has passed.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Waits for a future until the deadline. A future that is ready at its first poll is never late.
    ///
    /// # Errors
    ///
    /// [`Late`] when the deadline passes first. The future is dropped then.
    pub async fn bound<F: Future>(self, future: F) -> Result<F::Output, Late> {
        timeout_at(self.0, future).await.map_err(|_| Late)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn several_steps_share_one_deadline() {
        let began = Instant::now();
        let deadline = Deadline::after(Duration::from_secs(3));
        assert_eq!(deadline.bound(ready(1)).await, Ok(1));
        let step = Deadline::after(Duration::from_secs(2));
        assert_eq!(
            deadline.bound(step.bound(pending::<()>())).await,
            Ok(Err(Late))
        );
        assert_eq!(deadline.left(), Duration::from_secs(1));
        assert_eq!(deadline.bound(pending::<()>()).await, Err(Late));
        assert_eq!(
            (began.elapsed(), deadline.left()),
            (Duration::from_secs(3), Duration::ZERO)
        );
        assert_eq!(deadline.bound(ready(1)).await, Ok(1));
    }

    #[tokio::test]
    async fn a_limit_may_be_as_long_as_durations_are() {
        assert!(Deadline::after(Duration::MAX).left() > Duration::from_hours(24));
    }
}
