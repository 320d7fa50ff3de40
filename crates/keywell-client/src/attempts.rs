use std::time::Duration;

use keywell_store::{Error, Result};

use crate::Backoff;

/// The attempts of a write that loses when other clients write the same keys: 64, with waits between
/// them.
///
/// Each attempt that loses wrote nothing, so that another is no repetition.
#[derive(Debug)]
pub struct Attempts {
    left: u32,
    backoff: Backoff,
}

// === impl Attempts ===

impl Attempts {
    const MOST: u32 = 64;

    /// All of them. The first wait is a millisecond, and each is twice as long as the one before it,
    /// up to `longest`.
    pub const fn new(longest: Duration) -> Self {
        Self {
            left: Self::MOST,
            backoff: Backoff::new(Duration::from_millis(1), longest),
        }
    }

    /// Counts an attempt that lost.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if it was the last one.
    pub fn spend(&mut self) -> Result<()> {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            let what = "too many clients write the same keys at the same time";
            return Err(Error::Unavailable(what.into()));
        }
        Ok(())
    }

    /// Counts an attempt that lost, and waits before the next one.
    ///
    /// # Errors
    ///
    /// As [`Attempts::spend`].
    pub async fn lost(&mut self) -> Result<()> {
        self.spend()?;
        self.backoff.pause().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_last_attempt_that_loses_is_an_error() {
        let mut attempts = Attempts::new(Duration::from_millis(50));
        for _ in 1..Attempts::MOST {
            attempts.lost().await.unwrap();
        }
        assert!(matches!(attempts.lost().await, Err(Error::Unavailable(_))));
    }
}
