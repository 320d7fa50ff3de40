use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::Sleep;

use crate::room::HeldPlace;
use crate::state::TimedOut;
use crate::ticker::Running;
use crate::turn::TurnTaker;

/// A call of a guest, driven by what polls it: the connection that waits for its response. Its
/// time is up at its deadline, and dropping it ends the guest where it stands.
pub(crate) struct Call<T = ()> {
    component: Arc<str>,
    guest: Pin<Box<dyn Future<Output = wasmtime::Result<T>> + Send>>,
    turns: TurnTaker,
    deadline: Instant,
    // Made when the guest first waits: most never do.
    timer: Option<Pin<Box<Sleep>>>,
    _running: Running,
    // After the guest: room is free when the slots of its instance are.
    _place: Option<HeldPlace>,
}

/// Logs that a guest failed, and at which point: the cause in a line, and at a lower level where in
/// its code.
pub(crate) fn log_failure(component: &str, when: &str, error: &wasmtime::Error) {
    tracing::warn!(component, "failed{when}: {}", error.root_cause());
    tracing::debug!(component, "failed{when}: {error:#}");
}

// === impl Call ===

impl<T> Call<T> {
    /// `place` is none where the guest itself has it.
    pub(crate) fn new(
        component: Arc<str>,
        guest: impl Future<Output = wasmtime::Result<T>> + Send + 'static,
        deadline: Instant,
        running: Running,
        place: Option<HeldPlace>,
    ) -> Self {
        Self {
            component,
            guest: Box::pin(guest),
            turns: TurnTaker::default(),
            deadline,
            timer: None,
            _running: running,
            _place: place,
        }
    }

    /// What is called.
    pub(crate) fn component(&self) -> &Arc<str> {
        &self.component
    }

    /// When its time is up.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }
}

impl<T: Send + 'static> Call<T> {
    /// Lets the guest finish in a task of its own, for what it does after its response, and hands
    /// on how it ends. Its deadline holds there, too.
    pub(crate) fn finish_in_background(
        self,
        ended: impl FnOnce(wasmtime::Result<T>) + Send + 'static,
    ) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { ended(self.await) });
        }
    }
}

impl<T> Future for Call<T> {
    type Output = wasmtime::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Poll::Ready(ended) = this.turns.poll(this.guest.as_mut(), cx) {
            return Poll::Ready(ended);
        }
        let deadline = self.deadline;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        timer.as_mut().poll(cx).map(|()| Err(TimedOut.into()))
    }
}
