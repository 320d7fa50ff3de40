use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use keywell_store::{Error, Failure, Result};
use parking_lot::{Condvar, Mutex};
use tokio::sync::{Semaphore, oneshot};

use crate::operation::{Outcome, Request, WriterOperation};

/// The most bytes that the queue holds. Further callers wait for space; an operation larger than that
/// is queued alone.
const ROOM_BYTES: u32 = 32 * 1024 * 1024;

/// The most operations of one commit.
const GROUP_OPERATIONS: usize = 4096;

/// The most bytes of one commit. A group always holds at least one operation.
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// Operations for the writer, in order of arrival.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    room: Arc<Semaphore>,
}

#[derive(Debug)]
struct State {
    waiting: VecDeque<Request>,
    is_open: bool,
}

/// What the writer does next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Commit these as one group.
    Group(Vec<Request>),
    /// Nothing arrived in time.
    Nothing,
    /// The queue is closed and empty.
    End,
}

// === impl Queue ===

impl Queue {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                is_open: true,
            }),
            arrived: Condvar::new(),
            room: Arc::new(Semaphore::new(ROOM_BYTES as usize)),
        }
    }

    /// Queues an operation, waits for space if there is none, and for the outcome.
    ///
    /// # Errors
    ///
    /// `Unavailable` once the queue is closed; errors of the writer; `Ambiguous` if the writer ends
    /// without an answer, which is a defect.
    pub(crate) async fn submit(&self, operation: WriterOperation) -> Result<Outcome> {
        // Readers that need the database opened again do not wait for space.
        let room = if let WriterOperation::Mend(_) = operation {
            None
        } else {
            let bytes = u32::try_from(operation.bytes()).unwrap_or(ROOM_BYTES);
            let room = self.room.clone();
            let room = room.acquire_many_owned(bytes.min(ROOM_BYTES)).await;
            Some(room.map_err(|_| closed())?)
        };
        let (answer, outcome) = oneshot::channel();
        self.push(Request {
            operation,
            answer,
            room,
        })?;
        outcome.await.unwrap_or_else(|_| {
            let what = "the writer thread ended before it answered";
            Err(Error::Ambiguous(Failure::new(what)))
        })
    }

    fn push(&self, request: Request) -> Result<()> {
        let mut state = self.state.lock();
        if !state.is_open {
            return Err(closed());
        }
        state.waiting.push_back(request);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for operations, at most this long.
    pub(crate) fn next(&self, at_most: Option<Duration>) -> Next {
        let mut state = self.state.lock();
        if state.waiting.is_empty() && state.is_open {
            match at_most {
                None => self.arrived.wait_while(&mut state, |state| state.is_idle()),
                Some(time) => {
                    let idle = |state: &mut State| state.is_idle();
                    if self
                        .arrived
                        .wait_while_for(&mut state, idle, time)
                        .timed_out()
                    {
                        return Next::Nothing;
                    }
                }
            }
        }
        if state.waiting.is_empty() {
            return Next::End;
        }
        Next::Group(state.take_group())
    }

    /// Accepts no more operations. Queued ones are still served.
    pub(crate) fn close(&self) {
        self.state.lock().is_open = false;
        self.room.close();
        self.arrived.notify_one();
    }

    /// Closes the queue, and drops its operations.
    pub(crate) fn abandon(&self) {
        self.close();
        self.state.lock().waiting.clear();
    }
}

// === impl State ===

impl State {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.is_open
    }

    fn take_group(&mut self) -> Vec<Request> {
        let mut bytes = 0;
        let mut operations = 0;
        for request in self.waiting.iter().take(GROUP_OPERATIONS) {
            bytes += request.operation.bytes();
            if operations > 0 && bytes > GROUP_BYTES {
                break;
            }
            operations += 1;
        }
        self.waiting.drain(..operations).collect()
    }
}

pub(crate) fn closed() -> Error {
    Error::Unavailable(Failure::new("the store was closed"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::FutureExt;
    use keywell_store::BucketName;

    use super::*;
    use crate::operation::Write;

    fn set(bytes: usize) -> WriterOperation {
        let value = Bytes::from(vec![0; bytes]);
        WriterOperation::Write(
            BucketName::default(),
            Write::Set("key".to_owned(), value, None),
        )
    }

    fn group(queue: &Queue) -> Vec<Request> {
        match queue.next(Some(Duration::ZERO)) {
            Next::Group(group) => group,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_group_is_bounded_but_has_room_for_one() {
        let queue = Queue::new();
        let mut waiting: Vec<_> = [GROUP_BYTES * 2, GROUP_BYTES / 2, GROUP_BYTES / 3, 100_000]
            .map(|bytes| Box::pin(queue.submit(set(bytes))))
            .into();
        for submitted in &mut waiting {
            assert!(submitted.now_or_never().is_none());
        }
        assert_eq!(group(&queue).len(), 1);
        assert_eq!(group(&queue).len(), 3);
    }

    #[test]
    fn who_finds_no_room_waits_without_holding_a_thread() {
        let queue = Queue::new();
        let mut first = Box::pin(queue.submit(set(usize::try_from(ROOM_BYTES).unwrap() * 2)));
        assert!((&mut first).now_or_never().is_none());
        let mut second = Box::pin(queue.submit(set(1)));
        assert!((&mut second).now_or_never().is_none());
        let served = group(&queue);
        assert_eq!(served.len(), 1, "the second is not queued yet");
        drop(served);
        assert!((&mut second).now_or_never().is_none());
        assert_eq!(group(&queue).len(), 1);
    }

    #[test]
    fn what_came_before_the_close_is_still_served() {
        let queue = Queue::new();
        let mut before = Box::pin(queue.submit(set(1)));
        assert!((&mut before).now_or_never().is_none());
        queue.close();
        let after = queue.submit(set(1)).now_or_never();
        assert!(matches!(after, Some(Err(Error::Unavailable(_)))));
        assert_eq!(group(&queue).len(), 1);
        assert!(matches!(queue.next(None), Next::End));
    }
}
