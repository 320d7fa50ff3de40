use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use keywell_store::{Error, Failure, Result, Transacted};
use parking_lot::{Condvar, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::unit::Unit;

/// The most bytes that the queue holds. Further callers wait for space; a unit larger than that is
/// queued alone.
const ROOM_BYTES: u32 = 32 * 1024 * 1024;

/// The most units of one commit.
const GROUP_UNITS: usize = 4096;

/// The most bytes of one commit. A group always holds at least one unit.
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// What a unit takes beside its bytes.
const OVERHEAD: usize = 256;

/// A queued unit, and the channel for its outcome.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) unit: Unit,
    answer: oneshot::Sender<Result<Transacted>>,
    /// The space it takes in the queue, until it is answered.
    _room: OwnedSemaphorePermit,
}

/// Units for the writer, in order of arrival.
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
    /// Whether the writer is asked to look at what changed around it.
    is_nudged: bool,
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
                is_nudged: false,
            }),
            arrived: Condvar::new(),
            room: Arc::new(Semaphore::new(ROOM_BYTES as usize)),
        }
    }

    /// Queues a unit, waits for space if there is none, and for the outcome.
    ///
    /// # Errors
    ///
    /// `Unavailable` once the queue is closed; errors of the writer; `Ambiguous` if the writer ends
    /// without an answer, which is a defect.
    pub(crate) async fn submit(&self, unit: Unit) -> Result<Transacted> {
        let bytes = u32::try_from(OVERHEAD + unit.bytes()).unwrap_or(ROOM_BYTES);
        let room = self.room.clone().acquire_many_owned(bytes.min(ROOM_BYTES));
        let room = room.await.map_err(|_| closed())?;
        let (answer, outcome) = oneshot::channel();
        self.push(Request {
            unit,
            answer,
            _room: room,
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

    /// Ends the writer's present wait.
    pub(crate) fn nudge(&self) {
        self.state.lock().is_nudged = true;
        self.arrived.notify_one();
    }

    /// Waits for units, at most this long.
    pub(crate) fn next(&self, at_most: Option<Duration>) -> Next {
        let mut state = self.state.lock();
        match at_most {
            None => self.arrived.wait_while(&mut state, |state| state.is_idle()),
            Some(time) => {
                let idle = |state: &mut State| state.is_idle();
                self.arrived.wait_while_for(&mut state, idle, time);
            }
        }
        state.is_nudged = false;
        if !state.waiting.is_empty() {
            return Next::Group(state.take_group());
        }
        if state.is_open {
            Next::Nothing
        } else {
            Next::End
        }
    }

    /// Accepts no more units. Queued ones are still served.
    pub(crate) fn close(&self) {
        self.state.lock().is_open = false;
        self.room.close();
        self.arrived.notify_one();
    }

    /// Closes the queue, and drops its units.
    pub(crate) fn abandon(&self) {
        self.close();
        self.state.lock().waiting.clear();
    }
}

// === impl State ===

impl State {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.is_open && !self.is_nudged
    }

    fn take_group(&mut self) -> Vec<Request> {
        let mut bytes = 0;
        let mut units = 0;
        for request in self.waiting.iter().take(GROUP_UNITS) {
            bytes += request.unit.bytes();
            if units > 0 && bytes > GROUP_BYTES {
                break;
            }
            units += 1;
        }
        self.waiting.drain(..units).collect()
    }
}

// === impl Request ===

impl Request {
    /// Sends the outcome to the caller, unless it dropped its answer.
    pub(crate) fn answer(self, outcome: Result<Transacted>) {
        let _ = self.answer.send(outcome);
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
    use crate::unit::{Act, Step};

    fn set(bytes: usize) -> Unit {
        Unit::of(Step {
            bucket: BucketName::default(),
            key: "key".to_owned(),
            act: Act::Set(Bytes::from(vec![0; bytes]), None),
        })
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

    #[test]
    fn a_nudge_ends_a_wait_once() {
        let queue = Queue::new();
        queue.nudge();
        assert!(matches!(queue.next(None), Next::Nothing));
        assert!(queue.state.lock().is_idle());
    }
}
