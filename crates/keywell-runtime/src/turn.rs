//! Turns, which guests that compute for long take, so that they never have all threads.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many guests may compute for long at once.
///
/// A guest that has computed for a few ticks of the epoch takes a turn for each further one. Half of
/// the threads are for turns; the others are left to the other calls, however many endless loops
/// there are. First come, first served, of the instances of a component and then of the components:
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
type Turn = [OwnedSemaphorePermit; 2];

thread_local! {
    /// The turn of the guest that runs on this thread. It takes one only while it is polled, by
    /// [`poll`], which ends the turn.
    static TAKEN: RefCell<Option<Turn>> = const { RefCell::new(None) };
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

    /// Lets others run, then waits for a turn.
    pub(crate) fn take(&self) -> impl Future<Output = ()> + Send + 'static {
        let Self(lines) = self.clone();
        async move {
            tokio::task::yield_now().await;
            if let Ok(own) = lines.own.clone().acquire_owned().await
                && let Ok(all) = lines.all.clone().acquire_owned().await
            {
                TAKEN.set(Some([all, own]));
            }
        }
    }
}

/// Polls a guest, and ends its turn if it took one.
pub(crate) fn poll<F: Future + ?Sized>(
    guest: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    let polled = guest.poll(cx);
    drop(TAKEN.take());
    polled
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    type Guest = Pin<Box<dyn Future<Output = ()>>>;

    /// A guest that takes turns for ever.
    fn endless(turns: &Turns) -> Guest {
        let turns = turns.clone();
        Box::pin(async move {
            loop {
                turns.take().await;
                // It computes until the next tick.
                tokio::task::yield_now().await;
            }
        })
    }

    /// Polls a guest, and answers the turn that it computes in.
    fn turn(guest: &mut Guest) -> Option<Turn> {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(guest.as_mut().poll(&mut cx).is_pending());
        TAKEN.take()
    }

    /// How many turns each guest has of so many ticks. A turn lasts for one.
    fn turns(guests: &mut [Guest], ticks: usize) -> Vec<usize> {
        let mut had = vec![0; guests.len()];
        for _ in 0..ticks {
            let mut under_way = Vec::new();
            for (guest, had) in guests.iter_mut().zip(&mut had) {
                let turn = turn(guest);
                *had += usize::from(turn.is_some());
                under_way.extend(turn);
            }
        }
        had
    }

    #[test]
    fn endless_loops_of_one_component_delay_those_of_another_by_a_turn() {
        let all = Turns::on(1);
        let [many, one] = [(); 2].map(|()| all.for_another_component());
        let mut guests: Vec<_> = (0..8).map(|_| endless(&many)).collect();
        guests.push(endless(&one));
        let mut had = turns(&mut guests, 900);
        let one = had.pop().unwrap();
        let many: usize = had.iter().sum();
        assert!(one > 200 && one * 2 >= many, "{one} turns beside {had:?}");
        assert!(had.iter().all(|had| had.abs_diff(many / 8) <= 1), "{had:?}");
    }

    #[test]
    fn a_component_alone_has_all_turns() {
        let one = Turns::on(2).for_another_component();
        let mut guests: Vec<_> = (0..4).map(|_| endless(&one)).collect();
        let had = turns(&mut guests, 100);
        assert!(had.iter().sum::<usize>() > 150, "{had:?}");
    }
}
