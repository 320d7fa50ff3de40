use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};

use crate::cache::pending::Pending;
use crate::values::Trace;

/// The calls that go on beside an instance. They end with it.
#[derive(Default)]
pub(crate) struct Tasks(JoinSet<()>);

// === impl Tasks ===

impl Tasks {
    /// How many may go on at once.
    const MAX: usize = 1024;

    /// Begins a call that ends when its future is dropped.
    pub(crate) fn read<A: Send + 'static>(
        &mut self,
        call: impl Future<Output = Result<A, Trace>> + Send + 'static,
    ) -> Pending<A> {
        match self.begin(call) {
            (pending, Some(task)) => pending.ending(task),
            (pending, None) => pending,
        }
    }

    /// Begins a call that goes on when its future is dropped.
    pub(crate) fn write<A: Send + 'static>(
        &mut self,
        call: impl Future<Output = Result<A, Trace>> + Send + 'static,
    ) -> Pending<A> {
        self.begin(call).0
    }

    /// Does at once what needs no waiting, as a part of the guest's call.
    fn begin<A: Send + 'static>(
        &mut self,
        call: impl Future<Output = Result<A, Trace>> + Send + 'static,
    ) -> (Pending<A>, Option<AbortHandle>) {
        while self.0.try_join_next().is_some() {}
        if self.0.len() >= Self::MAX {
            let max = Self::MAX;
            let refused = Trace(format!("at most {max} calls of a cache may be under way").into());
            return (Pending::ready(Err(refused)), None);
        }
        let mut call = Box::pin(call);
        let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(answer) = polled {
            return (Pending::ready(answer), None);
        }
        let Ok(runtime) = Handle::try_current() else {
            let refused = Trace("this host has no runtime for calls that wait".into());
            return (Pending::ready(Err(refused)), None);
        };
        let (pending, answering) = Pending::new();
        let task = async move { answering.put(call.await) };
        (pending, Some(self.0.spawn_on(task, &runtime)))
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::{self, Receiver};

    use super::*;

    /// A call without an end, and what is dropped with it.
    fn endless() -> (impl Future<Output = Result<(), Trace>> + Send, Receiver<()>) {
        let (held, dropped) = oneshot::channel::<()>();
        let call = async move {
            let _held = held;
            std::future::pending().await
        };
        (call, dropped)
    }

    #[tokio::test]
    async fn what_needs_no_waiting_is_done_at_once() {
        let mut tasks = Tasks::default();
        let done = tasks.write(async { Ok(7) });
        assert_eq!(done.take(), Some(Ok(7)));
        assert!(tasks.0.is_empty());
    }

    #[tokio::test]
    async fn a_reading_ends_with_its_future_and_a_write_with_the_instance() {
        let mut tasks = Tasks::default();
        let (reading, read_dropped) = endless();
        let (writing, mut write_dropped) = endless();
        let (read, written) = (tasks.read(reading), tasks.write(writing));
        assert!(read.take().is_none() && written.take().is_none());
        drop((read, written));
        assert!(read_dropped.await.is_err());
        assert!(write_dropped.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        drop(tasks);
        assert!(write_dropped.await.is_err());
    }

    #[tokio::test]
    async fn only_so_many_calls_go_on_at_once() {
        let mut tasks = Tasks::default();
        let kept: Vec<_> = (0..Tasks::MAX).map(|_| tasks.read(endless().0)).collect();
        let refused = tasks.read(endless().0).take();
        assert!(matches!(refused, Some(Err(_))), "{refused:?}");
        assert!(kept.iter().all(|pending| pending.take().is_none()));
    }
}
