//! Answers that a guest takes when they are there.
//!
//! A call of `cache` answers a future at once. The call to the store runs beside the guest, and its
//! answer can be taken once: before it arrives and after it was taken, there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::Pollable;

use crate::values::Trace;

/// The answer of a call, when it is there. A reading ends when this is dropped.
pub(crate) struct Pending<A> {
    slot: Arc<Slot<A>>,
    reading: Option<AbortHandle>,
}

/// Where the answer of a call is put. Dropped without one, it is an error.
pub(crate) struct Answering<A>(Arc<Slot<A>>);

struct Slot<A> {
    answer: Mutex<Option<Result<A, Trace>>>,
    readiness: Arc<Readiness>,
}

/// Whether an answer has come; it may have been taken since.
#[derive(Default)]
pub(crate) struct Readiness {
    is_ready: AtomicBool,
    arrived: Notify,
}

/// What a pollable waits for. It is no child of the future, so a guest may drop them in any order.
pub(crate) struct Arrival(Arc<Readiness>);

// === impl Pending ===

impl<A> Pending<A> {
    /// An answer that will be put into the other half.
    pub(crate) fn new() -> (Self, Answering<A>) {
        let slot = Arc::new(Slot {
            answer: Mutex::new(None),
            readiness: Arc::default(),
        });
        let pending = Self {
            slot: slot.clone(),
            reading: None,
        };
        (pending, Answering(slot))
    }

    /// An answer that is there.
    pub(crate) fn ready(answer: Result<A, Trace>) -> Self {
        let (pending, answering) = Self::new();
        answering.put(answer);
        pending
    }

    /// Ends a task when this is dropped.
    pub(crate) fn ending(mut self, reading: AbortHandle) -> Self {
        self.reading = Some(reading);
        self
    }

    /// The answer, if it is there and was not taken.
    pub(crate) fn take(&self) -> Option<Result<A, Trace>> {
        self.slot.answer.lock().take()
    }

    pub(crate) fn arrival(&self) -> Arrival {
        Arrival(self.slot.readiness.clone())
    }
}

impl<A> Drop for Pending<A> {
    fn drop(&mut self) {
        if let Some(reading) = &self.reading {
            reading.abort();
        }
    }
}

// === impl Answering ===

impl<A> Answering<A> {
    pub(crate) fn put(self, answer: Result<A, Trace>) {
        self.0.put(answer);
    }
}

impl<A> Drop for Answering<A> {
    fn drop(&mut self) {
        if !self.0.readiness.is_ready.load(Ordering::Acquire) {
            self.0.put(Err(Trace("internal error".into())));
        }
    }
}

// === impl Slot ===

impl<A> Slot<A> {
    fn put(&self, answer: Result<A, Trace>) {
        *self.answer.lock() = Some(answer);
        self.readiness.is_ready.store(true, Ordering::Release);
        self.readiness.arrived.notify_waiters();
    }
}

// === impl Arrival ===

impl Default for Arrival {
    /// One that has come.
    fn default() -> Self {
        Self(Arc::new(Readiness {
            is_ready: AtomicBool::new(true),
            arrived: Notify::new(),
        }))
    }
}

#[async_trait]
impl Pollable for Arrival {
    async fn ready(&mut self) {
        let mut arrived = std::pin::pin!(self.0.arrived.notified());
        // From here on no arrival is missed.
        arrived.as_mut().enable();
        if !self.0.is_ready.load(Ordering::Acquire) {
            arrived.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_taken_once_and_stays_ready() {
        let (pending, answering) = Pending::new();
        assert!(pending.take().is_none());
        let mut arrival = pending.arrival();
        let waiting = tokio::spawn(async move {
            arrival.ready().await;
            arrival.ready().await;
        });
        answering.put(Ok(7));
        waiting.await.unwrap();
        assert!(matches!(pending.take(), Some(Ok(7))));
        assert!(pending.take().is_none());
        pending.arrival().ready().await;
    }

    #[tokio::test]
    async fn a_call_that_ends_without_an_answer_is_an_error() {
        let (pending, answering) = Pending::<()>::new();
        drop(answering);
        pending.arrival().ready().await;
        assert!(matches!(pending.take(), Some(Err(_))));
    }
}
