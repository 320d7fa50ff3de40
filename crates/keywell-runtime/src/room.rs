use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::shelf::Shelves;

/// Room for the calls of a runtime, whichever trigger makes them: as many run at once as the pool
/// has instances.
///
/// Who finds none waits in one line, first come, first served. Of requests a bounded number waits,
/// and the rest is turned away. Where there may be requests, other calls (deliveries, commands) have
/// no more than half of the room together, so that requests find the other half however many of
/// those there are and however long each takes.
pub(crate) struct Room {
    running: Arc<Semaphore>,
    /// The part that calls other than requests may have, where there may be requests.
    others: Arc<Semaphore>,
    has_requests: AtomicBool,
    limit: usize,
    /// Requests in line.
    waiting: AtomicUsize,
    shelves: Shelves,
}

/// The room that a call has, until this is dropped.
pub(crate) struct Place {
    _running: OwnedSemaphorePermit,
    _other: Option<OwnedSemaphorePermit>,
}

/// There is no room, not even to wait.
#[derive(Debug)]
pub(crate) struct Busy;

// === impl Room ===

impl Room {
    /// How many requests may wait for each call that may run.
    const WAITING_PER_RUNNING: usize = 16;

    pub(crate) fn new(instances: u32) -> Self {
        let limit = instances.max(1) as usize;
        Self {
            running: Arc::new(Semaphore::new(limit)),
            others: Arc::new(Semaphore::new(limit.div_ceil(2))),
            has_requests: AtomicBool::new(false),
            limit,
            waiting: AtomicUsize::new(0),
            shelves: Shelves::default(),
        }
    }

    /// From now on there may be requests.
    pub(crate) fn expect_requests(&self) {
        self.has_requests.store(true, Ordering::Relaxed);
    }

    /// Waits for room for a request, at most so long.
    pub(crate) async fn enter(&self, patience: Duration) -> Result<Place, Busy> {
        if let Ok(running) = self.running.clone().try_acquire_owned() {
            return Ok(running.into());
        }
        let _waiting = self.wait()?;
        match tokio::time::timeout(patience, self.running.clone().acquire_owned()).await {
            Ok(Ok(running)) => Ok(running.into()),
            Ok(Err(_)) | Err(_) => Err(Busy),
        }
    }

    /// Waits for room for a call that is no request, for as long as it takes: nobody waits for its
    /// answer on a connection, and those before it in line are bounded in number and time.
    pub(crate) async fn enter_at_length(&self) -> Place {
        const OPEN: &str = "the semaphores of a room are never closed";
        let other = if self.has_requests.load(Ordering::Relaxed) {
            Some(self.others.clone().acquire_owned().await.expect(OPEN))
        } else {
            None
        };
        Place {
            _running: self.running.clone().acquire_owned().await.expect(OPEN),
            _other: other,
        }
    }

    /// Room for a call that is no request, if there is any at once.
    pub(crate) fn try_enter(&self) -> Option<Place> {
        let other = if self.has_requests.load(Ordering::Relaxed) {
            Some(self.others.clone().try_acquire_owned().ok()?)
        } else {
            None
        };
        Some(Place {
            _running: self.running.clone().try_acquire_owned().ok()?,
            _other: other,
        })
    }

    /// Instances that no call has, which are in the pool beside those that calls have.
    pub(crate) fn shelves(&self) -> &Shelves {
        &self.shelves
    }

    fn wait(&self) -> Result<Waiting<'_>, Busy> {
        let ahead = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting(&self.waiting);
        if ahead >= self.limit * Self::WAITING_PER_RUNNING {
            Err(Busy)
        } else {
            Ok(waiting)
        }
    }
}

// === impl Place ===

impl From<OwnedSemaphorePermit> for Place {
    fn from(running: OwnedSemaphorePermit) -> Self {
        Self {
            _running: running,
            _other: None,
        }
    }
}

/// A place among those who wait.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    const PATIENCE: Duration = Duration::from_mins(1);

    type Entering<'a> = Pin<Box<dyn Future<Output = Option<Place>> + 'a>>;

    fn request(room: &Room) -> Entering<'_> {
        Box::pin(async { room.enter(PATIENCE).await.ok() })
    }

    fn other(room: &Room) -> Entering<'_> {
        Box::pin(async { Some(room.enter_at_length().await) })
    }

    /// A place, or none where it was turned away; pending while it waits.
    fn poll(entering: &mut Entering<'_>) -> Poll<Option<Place>> {
        entering
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
    }

    fn enters(mut entering: Entering<'_>) -> Place {
        match poll(&mut entering) {
            Poll::Ready(place) => place.expect("it is not turned away"),
            Poll::Pending => panic!("it waits"),
        }
    }

    #[tokio::test]
    async fn sixteen_times_as_many_requests_wait_as_run_and_the_rest_is_turned_away() {
        let room = Room::new(2);
        let running = [enters(request(&room)), enters(request(&room))];
        let mut waiting: Vec<_> = (0..32).map(|_| request(&room)).collect();
        assert!(waiting.iter_mut().all(|waiting| poll(waiting).is_pending()));
        assert!(matches!(poll(&mut request(&room)), Poll::Ready(None)));
        drop(running);
        assert!(poll(&mut waiting[0]).is_ready());
        assert!(poll(&mut waiting[1]).is_ready());
        assert!(
            poll(&mut waiting[2]).is_ready(),
            "the first two are gone again"
        );
    }

    #[tokio::test]
    async fn a_request_does_not_wait_longer_than_it_may() {
        let room = Room::new(1);
        let _running = enters(request(&room));
        assert!(room.enter(Duration::from_millis(1)).await.is_err());
    }

    #[tokio::test]
    async fn other_calls_leave_half_of_the_room_to_requests() {
        let room = Room::new(5);
        room.expect_requests();
        let others = [(); 3].map(|()| enters(other(&room)));
        let mut more: Vec<_> = (0..100).map(|_| other(&room)).collect();
        assert!(more.iter_mut().all(|other| poll(other).is_pending()));
        let _requests = [(); 2].map(|()| enters(request(&room)));
        assert!(poll(&mut request(&room)).is_pending(), "all of it is taken");
        drop(others);
    }

    #[tokio::test]
    async fn where_there_are_no_requests_other_calls_have_all_of_the_room() {
        let room = Room::new(5);
        let _others = [(); 5].map(|()| enters(other(&room)));
        assert!(poll(&mut other(&room)).is_pending());
    }

    #[tokio::test]
    async fn whoever_comes_first_is_first_whatever_they_come_for() {
        let room = Room::new(1);
        room.expect_requests();
        let running = enters(request(&room));
        let mut line = [request(&room), other(&room), request(&room), other(&room)];
        assert!(line.iter_mut().all(|entering| poll(entering).is_pending()));
        drop(running);
        // Nobody passes those in line, and each is in when the one before is gone.
        assert!(poll(&mut request(&room)).is_pending());
        for at in 0..3 {
            let place = poll(&mut line[at]);
            assert!(place.is_ready(), "it is its turn");
            assert!(
                line[at + 1..]
                    .iter_mut()
                    .all(|entering| poll(entering).is_pending())
            );
            drop(place);
        }
    }
}
