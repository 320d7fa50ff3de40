//! Which call has a place in the room next.

use std::collections::BTreeMap;

use slab::Slab;

/// The places of a room, and the callers that wait for one, in order of arrival.
///
/// A state machine: it never waits, and returns what wakes the next caller (`W`).
///
/// 1. One place stays free for each component that has none, up to half of the room; past that,
///    components without a place compete for the rest.
/// 2. A component that has half of the room gets more only while no other one waits.
/// 3. If there may be requests, other calls have at most half of the room together.
/// 4. A component has at most as many as its own limit says.
/// 5. Otherwise, first come, first served.
pub(crate) struct Places<W> {
    limit: usize,
    free: usize,
    /// Places that calls other than requests have.
    others: usize,
    has_requests: bool,
    components: Slab<Component<W>>,
    /// Components that have a place.
    holders: usize,
    /// All that wait, and the requests among them.
    waiting: usize,
    requests: usize,
    arrived: u64,
}

struct Component<W> {
    held: usize,
    most: usize,
    requests: BTreeMap<u64, W>,
    others: BTreeMap<u64, W>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    /// A delivery or a command.
    Other,
}

/// Who asks for a place: one kind of call of one component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) component: usize,
    pub(crate) kind: Kind,
}

/// What a caller gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Place,
    /// A ticket of its line.
    Waits(u64),
    /// Too many wait.
    Refused,
}

// === impl Places ===

impl<W> Places<W> {
    /// How many requests may wait for each call that may run.
    const WAITING_PER_PLACE: usize = 16;

    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            free: limit,
            others: 0,
            has_requests: false,
            components: Slab::new(),
            holders: 0,
            waiting: 0,
            requests: 0,
            arrived: 0,
        }
    }

    /// Another component, for which a place stays free from now on.
    pub(crate) fn add(&mut self) -> usize {
        self.components.insert(Component {
            held: 0,
            most: usize::MAX,
            requests: BTreeMap::new(),
            others: BTreeMap::new(),
        })
    }

    /// From now on a component gets no place where it has so many. Others may have [`next`](Self::next)
    /// turns by that.
    pub(crate) fn limit(&mut self, component: usize, most: usize) {
        self.components[component].most = most;
    }

    /// A component that has no place and waits for none is gone. Others may have [`next`](Self::next)
    /// turns by that.
    pub(crate) fn remove(&mut self, component: usize) {
        self.components.remove(component);
    }

    /// From now on there may be requests.
    pub(crate) fn expect_requests(&mut self) {
        self.has_requests = true;
    }

    /// A place, if there is one for this caller and none of its like waits.
    pub(crate) fn try_take(&mut self, caller: Caller) -> bool {
        let has_one = self.line(caller).is_empty() && self.admits(caller);
        if has_one {
            self.take(caller);
        }
        has_one
    }

    /// A place or a ticket. `waker` is kept with the ticket.
    pub(crate) fn take_or_wait(&mut self, caller: Caller, waker: W) -> Taken {
        if self.try_take(caller) {
            return Taken::Place;
        }
        if caller.kind == Kind::Request {
            if self.is_full(caller.component) {
                return Taken::Refused;
            }
            self.requests += 1;
        }
        self.waiting += 1;
        self.arrived += 1;
        let ticket = self.arrived;
        self.line_mut(caller).insert(ticket, waker);
        Taken::Waits(ticket)
    }

    /// Keeps another waker with a ticket. `false` where the caller has its place by now.
    pub(crate) fn still_waits(&mut self, caller: Caller, ticket: u64, waker: W) -> bool {
        let waits = self.line_mut(caller).get_mut(&ticket);
        waits.map(|kept| *kept = waker).is_some()
    }

    /// Gives a ticket back, or the place that it led to. Others may have [`next`](Self::next) turns
    /// by that.
    pub(crate) fn give_up(&mut self, caller: Caller, ticket: u64) {
        if self.line_mut(caller).remove(&ticket).is_some() {
            self.left_line(caller);
        } else {
            self.give_back(caller);
        }
    }

    /// Gives a place back. Others may have [`next`](Self::next) turns by that.
    pub(crate) fn give_back(&mut self, caller: Caller) {
        let component = &mut self.components[caller.component];
        component.held -= 1;
        self.holders -= usize::from(component.held == 0);
        self.others -= usize::from(caller.kind == Kind::Other);
        self.free += 1;
    }

    /// Gives a place to one that waits, if there is one for it, and answers what wakes it. To be
    /// called until there is none.
    pub(crate) fn next(&mut self) -> Option<W> {
        if self.waiting == 0 || self.free == 0 {
            return None;
        }
        let callers = self.components.iter().flat_map(|(component, _)| {
            [Kind::Request, Kind::Other].map(|kind| Caller { component, kind })
        });
        let first = callers
            .filter_map(|caller| {
                let (ticket, _) = self.line(caller).first_key_value()?;
                let has_half = self.components[caller.component].held >= self.limit / 2;
                self.admits(caller).then_some((has_half, *ticket, caller))
            })
            .min_by_key(|(has_half, ticket, _)| (*has_half, *ticket));
        let (_, _, caller) = first?;
        let (_, waker) = self.line_mut(caller).pop_first()?;
        self.left_line(caller);
        self.take(caller);
        Some(waker)
    }

    fn admits(&self, caller: Caller) -> bool {
        let for_requests = self.has_requests && caller.kind == Kind::Other;
        if self.free == 0 || for_requests && self.others >= self.limit.div_ceil(2) {
            return false;
        }
        let component = &self.components[caller.component];
        if component.held >= component.most {
            return false;
        }
        let without = self.components.len() - self.holders;
        component.held == 0 || self.free > without.min(self.limit / 2)
    }

    fn take(&mut self, caller: Caller) {
        let component = &mut self.components[caller.component];
        self.holders += usize::from(component.held == 0);
        component.held += 1;
        self.others += usize::from(caller.kind == Kind::Other);
        self.free -= 1;
    }

    /// Whether no more requests to a component may wait: one has at most half of the line where there
    /// are others.
    fn is_full(&self, component: usize) -> bool {
        let most = self.limit * Self::WAITING_PER_PLACE;
        let own = if self.components.len() > 1 {
            most / 2
        } else {
            most
        };
        self.requests >= most || self.components[component].requests.len() >= own
    }

    fn left_line(&mut self, caller: Caller) {
        self.waiting -= 1;
        self.requests -= usize::from(caller.kind == Kind::Request);
    }

    fn line(&self, caller: Caller) -> &BTreeMap<u64, W> {
        let component = &self.components[caller.component];
        match caller.kind {
            Kind::Request => &component.requests,
            Kind::Other => &component.others,
        }
    }

    fn line_mut(&mut self, caller: Caller) -> &mut BTreeMap<u64, W> {
        let component = &mut self.components[caller.component];
        match caller.kind {
            Kind::Request => &mut component.requests,
            Kind::Other => &mut component.others,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places whose callers are woken by a name.
    struct Named(Places<&'static str>);

    fn request(component: usize) -> Caller {
        let kind = Kind::Request;
        Caller { component, kind }
    }

    fn other(component: usize) -> Caller {
        let kind = Kind::Other;
        Caller { component, kind }
    }

    fn places<const N: usize>(limit: usize) -> (Named, [usize; N]) {
        let mut places = Places::new(limit);
        let components = [(); N].map(|()| places.add());
        (Named(places), components)
    }

    impl Named {
        /// How many of so many requests find a place.
        fn take(&mut self, caller: Caller, calls: usize) -> usize {
            (0..calls).filter(|_| self.0.try_take(caller)).count()
        }

        fn wait(&mut self, caller: Caller, name: &'static str) -> u64 {
            match self.0.take_or_wait(caller, name) {
                Taken::Waits(ticket) => ticket,
                taken => panic!("{name}: {taken:?}"),
            }
        }

        /// Gives a place back, and returns the caller that gets it.
        fn give_back(&mut self, caller: Caller) -> Vec<&'static str> {
            self.0.give_back(caller);
            self.served()
        }

        fn served(&mut self) -> Vec<&'static str> {
            std::iter::from_fn(|| self.0.next()).collect()
        }
    }

    #[test]
    fn a_component_alone_has_all_of_the_room() {
        let (mut places, [one]) = places(8);
        assert_eq!(places.take(request(one), 10), 8);
    }

    #[test]
    fn a_place_stays_free_for_each_other_component() {
        let (mut places, [one, two, three]) = places(8);
        assert_eq!(places.take(request(one), 10), 6);
        assert_eq!(places.take(request(two), 10), 1);
        assert_eq!(places.take(other(three), 10), 1);
        // What is given back goes to the one without, not to the one that waits longest.
        places.wait(request(one), "one");
        places.wait(request(three), "three");
        assert_eq!(places.give_back(other(three)), ["three"]);
        assert_eq!(places.give_back(request(two)), [""; 0]);
    }

    #[test]
    fn components_that_are_gone_need_no_place() {
        let (mut places, [one, two]) = places(2);
        assert_eq!(places.take(request(one), 2), 1);
        places.wait(request(one), "one");
        places.0.remove(two);
        assert_eq!(places.served(), ["one"]);
    }

    #[test]
    fn where_there_are_more_components_than_places_half_of_the_room_is_for_those_without() {
        let (mut places, [one, two, three, four, five]) = places(4);
        assert_eq!(places.take(request(one), 4), 2);
        assert_eq!(places.take(request(two), 4), 1);
        assert_eq!(places.take(request(three), 4), 1);
        places.wait(request(four), "four");
        places.wait(request(one), "one");
        places.wait(request(five), "five");
        assert_eq!(places.give_back(request(one)), ["four"]);
        assert_eq!(places.give_back(request(two)), ["five"]);
        assert_eq!(
            places.give_back(request(three)),
            [""; 0],
            "two and three have none"
        );
        assert_eq!(places.give_back(request(four)), [""; 0]);
        assert_eq!(places.give_back(request(five)), ["one"]);
    }

    #[test]
    fn a_component_has_no_more_places_than_its_own_limit() {
        let (mut places, [one, two]) = places(8);
        places.0.limit(one, 2);
        assert_eq!(places.take(request(one), 1) + places.take(other(one), 3), 2);
        for name in ["first", "second", "third"] {
            places.wait(request(one), name);
        }
        assert_eq!(places.take(request(two), 8), 6, "the rest is for others");
        assert_eq!(places.give_back(request(two)), [""; 0]);
        assert_eq!(places.give_back(other(one)), ["first"]);
        places.0.limit(one, 3);
        assert_eq!(places.served(), ["second"], "there is one free");
        places.0.limit(one, 1);
        assert_eq!(places.give_back(request(one)), [""; 0]);
        assert_eq!(places.give_back(request(one)), [""; 0]);
        assert_eq!(places.give_back(request(one)), ["third"]);
    }

    #[test]
    fn one_place_goes_round_in_order_of_arrival() {
        let (mut places, [one, two]) = places(1);
        assert_eq!(places.take(request(one), 2), 1);
        places.wait(request(one), "one");
        places.wait(request(two), "two");
        places.wait(request(one), "one again");
        assert_eq!(places.give_back(request(one)), ["one"]);
        assert_eq!(places.give_back(request(one)), ["two"]);
        assert_eq!(places.give_back(request(two)), ["one again"]);
    }

    #[test]
    fn who_has_half_of_the_room_gets_no_more_while_others_wait() {
        let (mut places, [one, two]) = places(4);
        assert_eq!(places.take(request(one), 4), 3);
        assert_eq!(places.take(request(two), 4), 1);
        for name in ["one a", "one b", "one c"] {
            places.wait(request(one), name);
        }
        let later = places.wait(request(two), "two");
        assert_eq!(places.give_back(request(one)), ["two"]);
        assert_eq!(
            places.give_back(request(one)),
            ["one a"],
            "it had less than half"
        );
        assert_eq!(places.give_back(request(two)), ["one b"], "no other waits");
        assert!(!places.0.still_waits(request(two), later, "two"));
    }

    #[test]
    fn other_calls_leave_half_of_the_room_to_requests_and_do_not_hold_them_up() {
        let (mut places, [one]) = places(5);
        places.0.expect_requests();
        assert_eq!(places.take(other(one), 5), 3);
        places.wait(other(one), "other");
        assert_eq!(places.take(request(one), 5), 2);
        places.wait(request(one), "request");
        assert_eq!(places.give_back(request(one)), ["request"]);
        assert_eq!(places.give_back(other(one)), ["other"]);
    }

    #[test]
    fn a_newcomer_does_not_pass_those_in_line() {
        let (mut places, [one]) = places(1);
        assert_eq!(places.take(request(one), 1), 1);
        places.wait(request(one), "waits");
        places.0.give_back(request(one));
        assert!(!places.0.try_take(request(one)));
        assert_eq!(places.served(), ["waits"]);
    }

    #[test]
    fn who_gives_up_leaves_its_turn_or_its_place_to_the_next() {
        let (mut places, [one]) = places(1);
        assert_eq!(places.take(request(one), 1), 1);
        let [first, second] = ["first", "second"].map(|name| places.wait(request(one), name));
        places.wait(request(one), "third");
        places.0.give_up(request(one), first);
        assert_eq!(places.give_back(request(one)), ["second"]);
        // It has its place, and does not take it.
        places.0.give_up(request(one), second);
        assert_eq!(places.served(), ["third"]);
    }

    #[test]
    fn one_component_has_half_of_the_line_where_there_are_others() {
        let (mut places, [one, two]) = places(2);
        assert_eq!(
            places.take(request(one), 2) + places.take(request(two), 2),
            2
        );
        let mut wait = |caller| places.0.take_or_wait(caller, "");
        let waits = |taken: &Taken| matches!(taken, Taken::Waits(_));
        assert!(
            (0..16)
                .map(|_| wait(request(one)))
                .all(|taken| waits(&taken))
        );
        assert_eq!(wait(request(one)), Taken::Refused);
        assert!(
            (0..16)
                .map(|_| wait(request(two)))
                .all(|taken| waits(&taken))
        );
        assert_eq!(wait(request(two)), Taken::Refused);
        // Deliveries wait in any number.
        assert!(
            (0..100)
                .map(|_| wait(other(two)))
                .all(|taken| waits(&taken))
        );
    }
}
