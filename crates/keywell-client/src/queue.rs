use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use keywell_store::{Error, Result};
use parking_lot::Mutex;
use tokio::sync::{Mutex as Turns, OwnedMutexGuard};

use crate::Deadline;

/// Gives out turns by key: one caller at a time, in the order in which they came.
///
/// Callers of one process that change one key by compare-and-swap would lose to each other on the
/// server again and again.
#[derive(Default)]
pub struct Queue(Arc<Mutex<HashMap<String, Arc<Turns<()>>>>>);

/// A turn, which ends when it is dropped.
pub struct Turn {
    queues: Arc<Mutex<HashMap<String, Arc<Turns<()>>>>>,
    key: String,
    /// `None` only while it is dropped.
    guard: Option<OwnedMutexGuard<()>>,
}

// === impl Queue ===

impl Queue {
    const LONGEST: Duration = Duration::from_secs(10);

    /// Waits for a turn.
    pub async fn turn(&self, key: &str) -> Turn {
        let turns = self.0.lock().entry(key.to_owned()).or_default().clone();
        let mut turn = Turn {
            queues: self.0.clone(),
            key: key.to_owned(),
            guard: None,
        };
        turn.guard = Some(turns.lock_owned().await);
        turn
    }

    /// Waits for a turn to increment a key of a service of this name, for ten seconds at most.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] after that.
    pub async fn turn_to_increment(&self, key: &str, service: &str) -> Result<Turn> {
        let turn = Deadline::after(Self::LONGEST).bound(self.turn(key));
        turn.await.map_err(|_| {
            let what = format!("other increments of the key wait for {service}");
            Error::Unavailable(what.into())
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.guard = None;
        let mut queues = self.queues.lock();
        // Each waiter has a reference besides the map's.
        let is_last = |turns: &Arc<Turns<()>>| Arc::strong_count(turns) == 1;
        if queues.get(&self.key).is_some_and(is_last) {
            queues.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn one_caller_has_the_turn_and_nothing_stays() {
        let queue = Queue::default();
        let first = queue.turn("k").await;
        let mut second = Box::pin(queue.turn("k"));
        assert!((&mut second).now_or_never().is_none());
        let abandoned = Box::pin(queue.turn("k"));
        drop(abandoned);
        let other = queue.turn("other").now_or_never();
        assert!(other.is_some());
        drop(first);
        let second = second.await;
        drop((second, other));
        assert!(queue.0.lock().is_empty());
    }
}
