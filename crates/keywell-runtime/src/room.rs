use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;

use crate::places::{Caller, Kind, Places, Taken};
use crate::shelf::Shelves;

/// Room for the calls of a runtime, whichever trigger makes them: as many run at once as the pool
/// has instances.
///
/// A call that finds none waits, first come, first served, within what keeps one component from
/// taking all of the room (see [`Places`]). Of requests a bounded number waits, and the rest is
/// turned away.
pub(crate) struct Room {
    places: Mutex<Places<Waker>>,
    shelves: Shelves,
}

/// The part that one component has in a room.
pub(crate) struct Part {
    room: Arc<Room>,
    component: usize,
}

/// The place that a call has in the room, until this is dropped.
pub(crate) struct HeldPlace {
    part: Arc<Part>,
    kind: Kind,
}

/// There is no room, not even to wait.
#[derive(Debug)]
pub(crate) struct Busy;

/// A call that waits for its place. Dropping it gives up the wait.
struct Waiting<'a> {
    part: &'a Arc<Part>,
    kind: Kind,
    ticket: Option<u64>,
}

// === impl Room ===

impl Room {
    pub(crate) fn new(instances: u32) -> Self {
        Self {
            places: Mutex::new(Places::new(instances.max(1) as usize)),
            shelves: Shelves::default(),
        }
    }

    /// The part of another component, until this and its last place are dropped.
    pub(crate) fn part(self: &Arc<Self>) -> Arc<Part> {
        let component = self.places.lock().add();
        Arc::new(Part {
            room: self.clone(),
            component,
        })
    }

    /// Instances that no call has, which are in the pool beside those that calls have.
    pub(crate) fn shelves(&self) -> &Shelves {
        &self.shelves
    }

    /// Changes the places, and wakes the callers that got one.
    fn change(&self, change: impl FnOnce(&mut Places<Waker>)) {
        let mut places = self.places.lock();
        change(&mut places);
        while let Some(waker) = places.next() {
            drop(places);
            waker.wake();
            places = self.places.lock();
        }
    }
}

// === impl Part ===

impl Part {
    /// From now on so many calls of the component run at once at most.
    pub(crate) fn limit(&self, most: usize) {
        self.room
            .change(|places| places.limit(self.component, most));
    }

    /// From now on there may be requests.
    pub(crate) fn expect_requests(&self) {
        self.room.places.lock().expect_requests();
    }

    /// Waits for room for a request, at most so long.
    pub(crate) async fn enter(self: &Arc<Self>, patience: Duration) -> Result<HeldPlace, Busy> {
        match self.take(Kind::Request)? {
            Ok(place) => Ok(place),
            Err(waiting) => {
                let place = tokio::time::timeout(patience, waiting).await;
                place.map_err(|_| Busy)
            }
        }
    }

    /// Waits for room for a call that is no request, for as long as it takes: no connection waits for
    /// its answer, and those before it in line are bounded in number and time.
    pub(crate) async fn enter_at_length(self: &Arc<Self>) -> HeldPlace {
        match self.take(Kind::Other) {
            Ok(Ok(place)) => place,
            Ok(Err(waiting)) => waiting.await,
            Err(Busy) => unreachable!("other calls than requests wait in any number"),
        }
    }

    /// Room for a call that is no request, if there is any at once.
    pub(crate) fn try_enter(self: &Arc<Self>) -> Option<HeldPlace> {
        let kind = Kind::Other;
        let has_place = self.room.places.lock().try_take(self.caller(kind));
        has_place.then(|| self.place(kind))
    }

    /// Those of the room.
    pub(crate) fn shelves(&self) -> &Shelves {
        self.room.shelves()
    }

    fn take(self: &Arc<Self>, kind: Kind) -> Result<Result<HeldPlace, Waiting<'_>>, Busy> {
        let mut places = self.room.places.lock();
        let taken = places.take_or_wait(self.caller(kind), Waker::noop().clone());
        match taken {
            Taken::Place => Ok(Ok(self.place(kind))),
            Taken::Waits(ticket) => Ok(Err(Waiting {
                part: self,
                kind,
                ticket: Some(ticket),
            })),
            Taken::Refused => Err(Busy),
        }
    }

    fn place(self: &Arc<Self>, kind: Kind) -> HeldPlace {
        HeldPlace {
            part: self.clone(),
            kind,
        }
    }

    fn caller(&self, kind: Kind) -> Caller {
        Caller {
            component: self.component,
            kind,
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.room.change(|places| places.remove(self.component));
    }
}

// === impl HeldPlace ===

impl Drop for HeldPlace {
    fn drop(&mut self) {
        let caller = self.part.caller(self.kind);
        self.part.room.change(|places| places.give_back(caller));
    }
}

// === impl Waiting ===

impl Future for Waiting<'_> {
    type Output = HeldPlace;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<HeldPlace> {
        let caller = self.part.caller(self.kind);
        let ticket = self.ticket.expect("it is not polled once it is ready");
        let mut places = self.part.room.places.lock();
        if places.still_waits(caller, ticket, cx.waker().clone()) {
            return Poll::Pending;
        }
        drop(places);
        self.ticket = None;
        Poll::Ready(self.part.place(self.kind))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let caller = self.part.caller(self.kind);
            self.part
                .room
                .change(|places| places.give_up(caller, ticket));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_mins(1);

    type Entering<'a> = Pin<Box<dyn Future<Output = Option<HeldPlace>> + 'a>>;

    fn room(instances: u32) -> Arc<Room> {
        Arc::new(Room::new(instances))
    }

    fn request(part: &Arc<Part>) -> Entering<'_> {
        Box::pin(async { part.enter(PATIENCE).await.ok() })
    }

    fn other(part: &Arc<Part>) -> Entering<'_> {
        Box::pin(async { Some(part.enter_at_length().await) })
    }

    /// A place, or none where it was turned away; pending while it waits.
    fn poll(entering: &mut Entering<'_>) -> Poll<Option<HeldPlace>> {
        entering
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
    }

    fn enters(mut entering: Entering<'_>) -> HeldPlace {
        match poll(&mut entering) {
            Poll::Ready(place) => place.expect("it is not turned away"),
            Poll::Pending => panic!("it waits"),
        }
    }

    #[tokio::test]
    async fn sixteen_times_as_many_requests_wait_as_run_and_the_rest_is_turned_away() {
        let part = room(2).part();
        let running = [enters(request(&part)), enters(request(&part))];
        let mut waiting: Vec<_> = (0..32).map(|_| request(&part)).collect();
        assert!(waiting.iter_mut().all(|waiting| poll(waiting).is_pending()));
        assert!(matches!(poll(&mut request(&part)), Poll::Ready(None)));
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
        let part = room(1).part();
        let running = enters(request(&part));
        assert!(part.enter(Duration::from_millis(1)).await.is_err());
        drop(running);
        enters(request(&part));
    }

    #[tokio::test]
    async fn a_call_that_waits_is_woken_when_it_has_its_place() {
        let part = room(1).part();
        let running = enters(request(&part));
        let waiting = tokio::spawn({
            let part = part.clone();
            async move { drop(part.enter_at_length().await) }
        });
        while part.room.places.lock().try_take(part.caller(Kind::Other)) {}
        drop(running);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn a_place_that_is_given_and_not_taken_goes_to_the_next() {
        let part = room(1).part();
        let running = enters(request(&part));
        let mut waiting = [request(&part), request(&part), other(&part)];
        assert!(waiting.iter_mut().all(|waiting| poll(waiting).is_pending()));
        drop(running);
        let [first, second, mut third] = waiting;
        drop((second, first));
        assert!(poll(&mut third).is_ready());
    }

    #[tokio::test]
    async fn other_calls_leave_half_of_the_room_to_requests() {
        let part = room(5).part();
        part.expect_requests();
        let others = [(); 3].map(|()| enters(other(&part)));
        let mut more: Vec<_> = (0..100).map(|_| other(&part)).collect();
        assert!(more.iter_mut().all(|other| poll(other).is_pending()));
        let _requests = [(); 2].map(|()| enters(request(&part)));
        assert!(poll(&mut request(&part)).is_pending(), "all of it is taken");
        drop(others);
    }

    #[tokio::test]
    async fn where_there_are_no_requests_other_calls_have_all_of_the_room() {
        let part = room(5).part();
        let _others = [(); 5].map(|()| enters(other(&part)));
        assert!(poll(&mut other(&part)).is_pending());
    }

    #[tokio::test]
    async fn a_component_leaves_a_place_for_another_until_that_is_gone() {
        let room = room(2);
        let [one, two] = [room.part(), room.part()];
        let _running = enters(request(&one));
        let mut waiting = request(&one);
        assert!(poll(&mut waiting).is_pending());
        drop(enters(request(&two)));
        assert!(poll(&mut waiting).is_pending());
        drop(two);
        assert!(poll(&mut waiting).is_ready());
    }

    #[tokio::test]
    async fn calls_enter_in_order_of_arrival_whatever_their_kind() {
        let part = room(1).part();
        part.expect_requests();
        let running = enters(request(&part));
        let mut line = [request(&part), other(&part), request(&part), other(&part)];
        assert!(line.iter_mut().all(|entering| poll(entering).is_pending()));
        drop(running);
        // A newcomer passes none of them, and each is in when the one before is gone.
        assert!(poll(&mut request(&part)).is_pending());
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
