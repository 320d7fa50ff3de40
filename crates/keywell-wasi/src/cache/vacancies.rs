//! The keys that callers of `cache.get-or-set` are about to fill, in this process.
//!
//! 1. Of the callers in a key's line one has the turn: it holds the vacancy. Dropping the turn,
//!    filled or not, lets the next in, first come, first served.
//! 2. A turn has an owner in one instance and is dropped with it, so a line lasts no longer than
//!    the instance of its first caller.
//! 3. A key is in the table for as long as a caller is in its line.
//! 4. A component has at most as many callers as there is room for others, so each gets in however
//!    many a single one has.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use keywell_store::{Error, Failure};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::cache::place::Place;
use crate::grants::Grants;

/// The lines of keys that are about to be filled.
pub(crate) struct Vacancies {
    lines: Mutex<Lines>,
    /// How many callers may be in all lines together.
    max: usize,
}

#[derive(Default)]
struct Lines {
    by_key: HashMap<Place, Queue>,
    /// How many callers there are.
    callers: usize,
    by_component: HashMap<Component, usize>,
}

struct Queue {
    line: Arc<Line>,
    callers: usize,
}

struct Line {
    turns: Arc<Semaphore>,
    fills: AtomicU64,
}

/// The component of a caller: the address of its grants, which all of its instances share.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Component(usize);

/// A caller in the line of a key.
pub(crate) struct Caller {
    vacancies: Arc<Vacancies>,
    place: Place,
    component: Component,
    line: Arc<Line>,
    /// How often the key had been filled when the caller last looked.
    seen: u64,
}

/// The vacancy of a key. Dropping it lets the next caller in.
pub(crate) struct Turn {
    // Before the caller, whose end removes a line that is empty.
    _permit: OwnedSemaphorePermit,
    caller: Caller,
}

/// What a caller finds when it has waited.
pub(crate) enum Admitted {
    /// It is the first in the line, and the key was not filled meanwhile.
    First(Turn),
    /// The key was filled meanwhile.
    Filled(Caller),
}

// === impl Vacancies ===

impl Vacancies {
    const MAX_CALLERS: usize = 10_000;

    /// Those of this process.
    pub(crate) fn of_process() -> &'static Arc<Self> {
        static VACANCIES: LazyLock<Arc<Vacancies>> =
            LazyLock::new(|| Arc::new(Vacancies::with_room(Vacancies::MAX_CALLERS)));
        &VACANCIES
    }

    fn with_room(max: usize) -> Self {
        Self {
            lines: Mutex::default(),
            max,
        }
    }

    /// Joins the line of a key.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if the component has as many callers in lines as there is room left
    /// for others.
    pub(crate) fn join(
        self: &Arc<Self>,
        place: Place,
        component: Component,
    ) -> Result<Caller, Error> {
        let mut lines = self.lines.lock();
        let waiting = lines.by_component.get(&component).copied().unwrap_or(0);
        if waiting >= self.max - lines.callers {
            return Err(Error::Unavailable(Failure::new(format!(
                "{waiting} calls of the component wait for vacant keys of caches, and the room that \
                 is left is for those of others"
            ))));
        }
        lines.callers += 1;
        *lines.by_component.entry(component).or_default() += 1;
        let queue = lines.by_key.entry(place.clone()).or_insert_with(Queue::new);
        queue.callers += 1;
        let line = queue.line.clone();
        Ok(Caller {
            vacancies: self.clone(),
            place,
            component,
            seen: line.fills.load(Ordering::Acquire),
            line,
        })
    }

    fn leave(&self, place: &Place, component: Component) {
        let mut lines = self.lines.lock();
        lines.callers -= 1;
        if let Entry::Occupied(mut waiting) = lines.by_component.entry(component) {
            *waiting.get_mut() -= 1;
            if *waiting.get() == 0 {
                waiting.remove();
            }
        }
        if let Entry::Occupied(mut queue) = lines.by_key.entry(place.clone()) {
            queue.get_mut().callers -= 1;
            if queue.get().callers == 0 {
                queue.remove();
            }
        }
    }
}

// === impl Queue ===

impl Queue {
    fn new() -> Self {
        Self {
            line: Arc::new(Line {
                turns: Arc::new(Semaphore::new(1)),
                fills: AtomicU64::new(0),
            }),
            callers: 0,
        }
    }
}

// === impl Component ===

impl Component {
    pub(crate) fn of(grants: &Arc<Grants>) -> Self {
        Self(Arc::as_ptr(grants) as usize)
    }
}

// === impl Caller ===

impl Caller {
    /// Waits for the turn. Where the key was filled meanwhile, the turn is passed on at once, so
    /// that all callers can read.
    pub(crate) async fn wait(mut self) -> Admitted {
        let permit = self.line.turns.clone().acquire_owned().await;
        let permit = permit.expect("the semaphore of a line is never closed");
        let fills = self.line.fills.load(Ordering::Acquire);
        if fills == self.seen {
            return Admitted::First(Turn {
                _permit: permit,
                caller: self,
            });
        }
        self.seen = fills;
        Admitted::Filled(self)
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.vacancies.leave(&self.place, self.component);
    }
}

// === impl Turn ===

impl Turn {
    /// Says that the key has a value now, and lets the others read it.
    pub(crate) fn mark_filled(self) {
        self.caller.line.fills.fetch_add(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use keywell_memory::MemoryStore;
    use keywell_store::BucketName;

    use super::*;
    use crate::grants::Origin;

    const ONE: Component = Component(1);
    const OTHER: Component = Component(2);

    fn place(key: &str) -> Place {
        let origin = Origin {
            store: Arc::new(MemoryStore::default()),
            bucket: BucketName::default(),
            prefix: String::new(),
        };
        Place::new(&origin, key)
    }

    fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn first(admitted: Poll<Admitted>) -> Turn {
        match admitted {
            Poll::Ready(Admitted::First(turn)) => turn,
            _ => panic!("it is not the caller's turn"),
        }
    }

    #[test]
    fn one_caller_has_the_turn_and_a_dropped_one_lets_the_next_in() {
        let vacancies = Arc::new(Vacancies::with_room(10));
        let place = place("k");
        let join = || vacancies.join(place.clone(), ONE).unwrap().wait();
        let (mut one, mut two, mut three) = (pin!(join()), pin!(join()), pin!(join()));
        let turn = first(poll(one.as_mut()));
        assert!(poll(two.as_mut()).is_pending());
        assert!(poll(three.as_mut()).is_pending());
        drop(turn);
        assert!(poll(three.as_mut()).is_pending());
        drop(first(poll(two.as_mut())));
        drop(first(poll(three.as_mut())));
        assert!(vacancies.lines.lock().by_key.is_empty());
    }

    #[test]
    fn all_who_wait_for_a_key_that_is_filled_may_read_it_at_once() {
        let vacancies = Arc::new(Vacancies::with_room(10));
        let place = place("k");
        let join = || vacancies.join(place.clone(), ONE).unwrap().wait();
        let (mut one, mut two, mut three) = (pin!(join()), pin!(join()), pin!(join()));
        let turn = first(poll(one.as_mut()));
        assert!(poll(two.as_mut()).is_pending());
        assert!(poll(three.as_mut()).is_pending());
        turn.mark_filled();
        let Poll::Ready(Admitted::Filled(two)) = poll(two.as_mut()) else {
            panic!("the second does not read");
        };
        let Poll::Ready(Admitted::Filled(three)) = poll(three.as_mut()) else {
            panic!("the third does not read");
        };
        // What they did not find they may fill.
        let (mut two, mut three) = (pin!(two.wait()), pin!(three.wait()));
        let turn = first(poll(two.as_mut()));
        assert!(poll(three.as_mut()).is_pending());
        drop(turn);
        drop(first(poll(three.as_mut())));
    }

    #[test]
    fn keys_have_lines_of_their_own() {
        let vacancies = Arc::new(Vacancies::with_room(4));
        let mut other = pin!(vacancies.join(place("k"), ONE).unwrap().wait());
        let held = first(poll(other.as_mut()));
        let mut key = pin!(vacancies.join(place("k"), ONE).unwrap().wait());
        drop(first(poll(key.as_mut())));
        drop(held);
    }

    #[test]
    fn a_component_takes_no_more_room_than_it_leaves_to_others() {
        let vacancies = Arc::new(Vacancies::with_room(8));
        let join = |component| vacancies.join(place("k"), component);
        let mut of_one: Vec<Caller> = (0..4).map(|_| join(ONE).unwrap()).collect();
        let refused = join(ONE).err();
        assert!(
            matches!(refused, Some(Error::Unavailable(_))),
            "{refused:?}"
        );
        let of_other: Vec<Caller> = (0..2).map(|_| join(OTHER).unwrap()).collect();
        assert!(join(OTHER).is_err());
        assert!(join(Component(3)).is_ok());
        of_one.truncate(2);
        assert_eq!(vacancies.lines.lock().callers, 4);
        of_one.push(join(ONE).unwrap());
        drop((of_one, of_other));
        let lines = vacancies.lines.lock();
        assert!(lines.by_component.is_empty() && lines.callers == 0);
    }
}
