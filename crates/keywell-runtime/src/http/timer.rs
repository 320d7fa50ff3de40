use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer for a moment that changes often: it is made when it is first needed, and moved only
/// where it would come too late, or has come too early.
#[derive(Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

// === impl Timer ===

impl Timer {
    /// Ready once `due` has passed, where there is one.
    pub(super) fn poll(&mut self, due: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(due) = due else {
            return Poll::Pending;
        };
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if due < sleep.deadline() {
            sleep.as_mut().reset(due);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if due <= sleep.deadline() {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_comes_when_what_it_is_for_is_due_however_often_that_changes() {
        const SECOND: Duration = Duration::from_secs(1);
        let began = Instant::now();
        let mut timer = Timer::default();
        let mut due = [60, 10, 20, 15]
            .map(|seconds| began + SECOND * seconds)
            .into_iter();
        // It is asked again each time that it wakes its task.
        let mut latest = None;
        poll_fn(|cx| {
            for due in due.by_ref() {
                assert!(timer.poll(Some(due), cx).is_pending());
                latest = Some(due);
            }
            timer.poll(latest, cx)
        })
        .await;
        assert_eq!(began.elapsed(), SECOND * 15);
        let never = poll_fn(|cx| timer.poll(None, cx));
        assert!(tokio::time::timeout(SECOND * 100, never).await.is_err());
    }
}
