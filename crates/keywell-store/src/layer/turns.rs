use std::pin::Pin;
use std::task::{Context, Poll};

/// Completes after so many polls.
pub(super) struct Turns(u32);

// === impl Turns ===

impl Turns {
    pub(super) fn new(polls: u32) -> Self {
        Self(polls)
    }
}

impl Future for Turns {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
