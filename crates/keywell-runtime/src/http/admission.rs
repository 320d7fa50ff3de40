use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lets so many calls run at once, a bounded number of others wait, and turns the rest away.
pub(crate) struct Admission {
    running: Arc<Semaphore>,
    limit: u32,
    waiting: AtomicUsize,
}

/// There is no room, not even to wait.
#[derive(Debug)]
pub(crate) struct Busy;

// === impl Admission ===

impl Admission {
    /// How many may wait for each that may run.
    const WAITING_PER_RUNNING: usize = 16;

    pub(crate) fn new(limit: u32) -> Self {
        let running = Arc::new(Semaphore::new(limit as usize));
        Self {
            running,
            limit,
            waiting: AtomicUsize::new(0),
        }
    }

    /// Waits for room to run, at most so long.
    pub(crate) async fn enter(&self, patience: Duration) -> Result<OwnedSemaphorePermit, Busy> {
        if let Ok(permit) = self.running.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = self.wait()?;
        match tokio::time::timeout(patience, self.running.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Busy),
        }
    }

    /// Waits until nothing runs.
    pub(crate) async fn idle(&self) {
        drop(self.running.acquire_many(self.limit).await);
    }

    fn wait(&self) -> Result<Waiting<'_>, Busy> {
        let ahead = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting(&self.waiting);
        if ahead >= self.limit as usize * Self::WAITING_PER_RUNNING {
            Err(Busy)
        } else {
            Ok(waiting)
        }
    }
}

/// A place among those who wait.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
