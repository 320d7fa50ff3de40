use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::Sleep;

use crate::room::Place;
use crate::state::TimedOut;
use crate::ticker::Running;
use crate::turn;

/// A call of a guest, driven by whoever polls it: the connection that waits for its response. Its
/// time is up at its deadline, and dropping it ends the guest where it stands.
pub(crate) struct Call {
    component: Arc<str>,
    guest: Pin<Box<dyn Future<Output = wasmtime::Result<()>> + Send>>,
    deadline: Instant,
    // Made when the guest first waits: most never do.
    timer: Option<Pin<Box<Sleep>>>,
    _running: Running,
    // After the guest: room is free when the slots of its instance are.
    _place: Place,
}

// === impl Call ===

impl Call {
    pub(crate) fn new(
        component: Arc<str>,
        guest: impl Future<Output = wasmtime::Result<()>> + Send + 'static,
        deadline: Instant,
        running: Running,
        place: Place,
    ) -> Self {
        Self {
            component,
            guest: Box::pin(guest),
            deadline,
            timer: None,
            _running: running,
            _place: place,
        }
    }

    /// Tells the log that the guest failed, and at which point: the cause in a line, and where in its code for those
    /// who look for it.
    pub(crate) fn failed(component: &str, when: &str, error: &wasmtime::Error) {
        tracing::warn!(component, "failed{when}: {}", error.root_cause());
        tracing::debug!(component, "failed{when}: {error:#}");
    }

    /// What is called.
    pub(crate) fn component(&self) -> &Arc<str> {
        &self.component
    }

    /// Lets the guest finish by itself, for what it does after its response.
    pub(crate) fn finish_in_background(self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let component = self.component.clone();
            runtime.spawn(async move {
                if let Err(error) = self.await {
                    Self::failed(&component, " after its response", &error);
                }
            });
        }
    }
}

impl Future for Call {
    type Output = wasmtime::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(ended) = turn::poll(self.guest.as_mut(), cx) {
            return Poll::Ready(ended);
        }
        let deadline = self.deadline;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        timer.as_mut().poll(cx).map(|()| Err(TimedOut.into()))
    }
}
