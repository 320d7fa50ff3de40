//! Turns, which guests that compute for long take, so that they never have all threads.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many guests may compute for long at once.
///
/// A guest that has computed for a few ticks of the epoch takes a turn for each further one, first
/// come, first served. Half of the threads are for turns; the others are left to everybody else,
/// however many endless loops there are.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Semaphore>);

thread_local! {
    /// The turn of the guest that runs on this thread. It takes one only while it is polled, by
    /// [`poll`], which ends the turn.
    static TAKEN: RefCell<Option<OwnedSemaphorePermit>> = const { RefCell::new(None) };
}

// === impl Turns ===

impl Turns {
    /// Ticks that a guest may compute before it has to take turns.
    pub(crate) const FREE_TICKS: u32 = 5;

    pub(crate) fn new() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new((threads / 2).max(1))))
    }

    /// Whether who takes one of these takes it from those.
    #[cfg(test)]
    pub(crate) fn are(&self, those: &Self) -> bool {
        Arc::ptr_eq(&self.0, &those.0)
    }

    /// Lets others run, then waits for a turn.
    pub(crate) fn take(&self) -> impl Future<Output = ()> + Send + 'static {
        let Self(turns) = self.clone();
        async move {
            tokio::task::yield_now().await;
            if let Ok(turn) = turns.acquire_owned().await {
                TAKEN.set(Some(turn));
            }
        }
    }
}

/// Polls a guest, and ends its turn if it took one.
pub(crate) fn poll<F: Future + ?Sized>(
    guest: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    let polled = guest.poll(cx);
    drop(TAKEN.take());
    polled
}
