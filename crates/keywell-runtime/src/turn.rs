//! Turns, which guests that compute for long take, so that they never have all threads.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ticker::Ticker;

/// How many guests may compute for long at once.
///
/// A guest that has computed for a few ticks of the epoch takes a turn for each further one, and
/// whenever it goes on before it has rested for as long. Half of the threads are for turns; the
/// others are left to the other calls, however many endless loops there are. First come, first
/// served, of the instances of a component and then of the components:
/// no component is in the second line more often than there are threads in it, so the loops of one
/// delay those of another by a turn.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Lines>);

struct Lines {
    /// Of the component.
    own: Arc<Semaphore>,
    /// Of all of them.
    all: Arc<Semaphore>,
    threads: usize,
}

/// A turn: of the component's and of all.
struct Turn {
    turns: Turns,
    _permits: Option<[OwnedSemaphorePermit; 2]>,
}

/// What polls a guest in its turns. One for each guest.
#[derive(Default)]
pub(crate) struct TurnTaker(Option<Next>);

/// The next turn of a guest that has computed for long.
struct Next {
    turns: Turns,
    /// It needs no turn after this time: it has rested. None where it computes on.
    until: Option<Instant>,
    /// Set while it waits in line.
    waits: Option<Pin<Box<dyn Future<Output = Turn> + Send>>>,
}

thread_local! {
    /// What the guest that is polled on this thread has to take a turn of before it computes on.
    static NEEDED: RefCell<Option<Turns>> = const { RefCell::new(None) };
}

// === impl Turns ===

impl Turns {
    /// Ticks that a guest may compute before it has to take turns.
    pub(crate) const FREE_TICKS: u32 = 5;

    pub(crate) fn new() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self::on((threads / 2).max(1))
    }

    fn on(threads: usize) -> Self {
        let line = || Arc::new(Semaphore::new(threads));
        Self(Arc::new(Lines {
            own: line(),
            all: line(),
            threads,
        }))
    }

    /// Turns of another component on the same threads.
    pub(crate) fn for_another_component(&self) -> Self {
        let Lines { all, threads, .. } = &*self.0;
        Self(Arc::new(Lines {
            own: Arc::new(Semaphore::new(*threads)),
            all: all.clone(),
            threads: *threads,
        }))
    }

    /// Whether there is another of these turns.
    pub(crate) fn are_used(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Whether both are turns on the same threads.
    #[cfg(test)]
    pub(crate) fn share_threads(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0.all, &other.0.all)
    }

    /// Whether both are turns of the same component.
    #[cfg(test)]
    pub(crate) fn are(&self, those: &Self) -> bool {
        Arc::ptr_eq(&self.0, &those.0)
    }

    /// Lets others run, and has the guest that is polled on this thread wait for a turn.
    pub(crate) fn need(&self) -> impl Future<Output = ()> + Send + 'static {
        NEEDED.set(Some(self.clone()));
        tokio::task::yield_now()
    }

    /// Waits for a turn.
    async fn next(self) -> Turn {
        let own = self.0.own.clone().acquire_owned().await;
        let all = self.0.all.clone().acquire_owned().await;
        Turn {
            turns: self,
            _permits: own.ok().zip(all.ok()).map(<[_; 2]>::from),
        }
    }
}

// === impl TurnTaker ===

impl TurnTaker {
    /// How long a guest rests that needs no turn for its next tick.
    const REST: Duration = Ticker::PERIOD.saturating_mul(Turns::FREE_TICKS);

    /// Polls a guest. It is polled once it has its turn, if it needs one.
    pub(crate) fn poll<F: Future + ?Sized>(
        &mut self,
        guest: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<F::Output> {
        let turn = ready!(self.begin(cx));
        let polled = guest.poll(cx);
        self.end(turn);
        polled
    }

    fn begin(&mut self, cx: &mut Context<'_>) -> Poll<Option<Turn>> {
        let Some(next) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let has_rested = next.until.is_some_and(|until| Instant::now() > until);
        if next.waits.is_none() && has_rested {
            self.0 = None;
            return Poll::Ready(None);
        }
        let waits = &mut next.waits;
        let waits = waits.get_or_insert_with(|| Box::pin(next.turns.clone().next()));
        let turn = ready!(waits.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(Some(turn))
    }

    fn end(&mut self, turn: Option<Turn>) {
        self.0 = match (NEEDED.take(), turn) {
            (Some(turns), _) => Some(Next {
                turns,
                until: None,
                waits: None,
            }),
            (None, Some(Turn { turns, .. })) => Some(Next {
                turns,
                until: Some(Instant::now() + Self::REST),
                waits: None,
            }),
            (None, None) => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// A guest that computes for ever.
    struct Guest {
        turns: Turns,
        taker: TurnTaker,
        /// Whether a tick finds it computing. Otherwise it waits for something before.
        is_found: bool,
    }

    impl Guest {
        fn endless(turns: &Turns) -> Self {
            Self {
                turns: turns.clone(),
                taker: TurnTaker::default(),
                is_found: true,
            }
        }

        /// Lets it compute for a tick; none while it waits for its turn.
        fn compute(&mut self) -> Option<Computed<'_>> {
            let mut cx = Context::from_waker(Waker::noop());
            let Poll::Ready(turn) = self.taker.begin(&mut cx) else {
                return None;
            };
            Some(Computed { guest: self, turn })
        }
    }

    /// A guest that computes until this is dropped, maybe in a turn.
    struct Computed<'a> {
        guest: &'a mut Guest,
        turn: Option<Turn>,
    }

    impl Drop for Computed<'_> {
        fn drop(&mut self) {
            if self.guest.is_found {
                drop(self.guest.turns.need());
            }
            self.guest.taker.end(self.turn.take());
        }
    }

    /// How many turns each guest has of so many ticks. A turn lasts for one.
    fn turns(guests: &mut [Guest], ticks: usize) -> Vec<usize> {
        let mut had = vec![0; guests.len()];
        for _ in 0..ticks {
            let mut under_way = Vec::new();
            for (guest, had) in guests.iter_mut().zip(&mut had) {
                let computed = guest.compute();
                *had += usize::from(computed.as_ref().is_some_and(|it| it.turn.is_some()));
                under_way.extend(computed);
            }
        }
        had
    }

    #[test]
    fn endless_loops_of_one_component_delay_those_of_another_by_a_turn() {
        let all = Turns::on(1);
        let [many, one] = [(); 2].map(|()| all.for_another_component());
        let mut guests: Vec<_> = (0..8).map(|_| Guest::endless(&many)).collect();
        guests.push(Guest::endless(&one));
        let mut had = turns(&mut guests, 900);
        let one = had.pop().unwrap();
        let many: usize = had.iter().sum();
        assert!(one > 200 && one * 2 >= many, "{one} turns beside {had:?}");
        assert!(had.iter().all(|had| had.abs_diff(many / 8) <= 1), "{had:?}");
    }

    #[test]
    fn a_component_alone_has_all_turns() {
        let one = Turns::on(2).for_another_component();
        let mut guests: Vec<_> = (0..4).map(|_| Guest::endless(&one)).collect();
        let had = turns(&mut guests, 100);
        assert!(had.iter().sum::<usize>() > 150, "{had:?}");
    }

    #[test]
    fn a_guest_that_pauses_before_each_tick_finds_it_has_turns_all_the_same() {
        let one = Turns::on(1).for_another_component();
        let mut guests: Vec<_> = (0..3).map(|_| Guest::endless(&one)).collect();
        turns(&mut guests, 1);
        for guest in &mut guests {
            guest.is_found = false;
        }
        for _ in 0..10 {
            let computing: Vec<_> = guests.iter_mut().filter_map(Guest::compute).collect();
            assert_eq!(computing.len(), 1, "one has the only turn");
        }
    }

    #[test]
    fn a_guest_that_has_rested_needs_no_turn() {
        let one = Turns::on(1).for_another_component();
        let mut guest = Guest::endless(&one);
        drop(guest.compute());
        guest.is_found = false;
        drop(guest.compute().filter(|it| it.turn.is_some()));
        let next = guest.taker.0.as_mut().unwrap();
        next.until = next
            .until
            .and_then(|until| until.checked_sub(2 * TurnTaker::REST));
        assert!(guest.compute().unwrap().turn.is_none());
    }
}
