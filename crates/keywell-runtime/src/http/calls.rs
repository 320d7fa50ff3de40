use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How many calls of an app run, for those that wait until none does.
#[derive(Default)]
pub(super) struct Calls {
    running: AtomicUsize,
    begun: AtomicU64,
    none: Notify,
}

/// A call that runs, until this is dropped.
pub(super) struct Counted<'a>(&'a Calls);

// === impl Calls ===

impl Calls {
    pub(super) fn count(&self) -> Counted<'_> {
        self.running.fetch_add(1, Ordering::SeqCst);
        self.begun.fetch_add(1, Ordering::Relaxed);
        Counted(self)
    }

    /// How many there have been, those that run included.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Waits until none runs.
    pub(super) async fn ended(&self) {
        while self.running.load(Ordering::SeqCst) > 0 {
            self.none.notified().await;
        }
        // One is woken at a time, and may not be the only one who waits.
        self.none.notify_one();
    }
}

// === impl Counted ===

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.none.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn waiters_are_woken_when_no_call_runs_any_more() {
        let calls = Calls::default();
        let context = &mut Context::from_waker(Waker::noop());
        assert!(pin!(calls.ended()).poll(context).is_ready());
        let [first, second] = [calls.count(), calls.count()];
        let mut waiting = [pin!(calls.ended()), pin!(calls.ended())];
        drop(first);
        for waiting in &mut waiting {
            assert!(waiting.as_mut().poll(context).is_pending());
        }
        drop(second);
        for waiting in &mut waiting {
            assert!(waiting.as_mut().poll(context).is_ready());
        }
        // One that ended before does not count for one that runs now.
        let _third = calls.count();
        assert!(pin!(calls.ended()).poll(context).is_pending());
    }
}
