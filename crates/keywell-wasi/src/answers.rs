use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The answers that the tasks of one instance wait for. Together they have at most so many bytes:
/// a task whose answer may have more than is left waits for others, in the order of their calls.
#[derive(Debug)]
pub(crate) struct Answers {
    /// A permit for each [`UNIT`](Self::UNIT).
    room: Arc<Semaphore>,
    units: u32,
}

/// Room for an answer, until this is dropped.
pub(crate) struct Room(#[expect(dead_code, reason = "it is held")] Option<OwnedSemaphorePermit>);

// === impl Answers ===

impl Answers {
    const UNIT: usize = 1024;

    /// Room for so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let units = u32::try_from(bytes / Self::UNIT).unwrap_or(u32::MAX);
        let units = units.clamp(1, 1 << 28);
        Self {
            room: Arc::new(Semaphore::new(units as usize)),
            units,
        }
    }

    /// Waits for the room of an answer of so many bytes; for all of it, where that is less.
    pub(crate) fn room(&self, bytes: usize) -> impl Future<Output = Room> + Send + use<> {
        let units = u32::try_from(bytes.div_ceil(Self::UNIT)).unwrap_or(u32::MAX);
        let units = units.clamp(1, self.units);
        let room = self.room.clone();
        // It is never closed.
        async move { Room(room.acquire_many_owned(units).await.ok()) }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn answers_that_do_not_fit_wait_for_others() {
        let answers = Answers::new(64 << 10);
        let first = answers.room(48 << 10).await;
        let small = answers.room(1).await;
        let mut second = Box::pin(answers.room(48 << 10));
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        let second = second.await;
        drop((second, small));
        // One that is larger than all room gets all of it.
        let _all = answers.room(1 << 30).await;
        assert!(answers.room(1).now_or_never().is_none());
    }
}
