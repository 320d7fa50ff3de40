use std::sync::Arc;

use slab::Slab;
use tokio::sync::Semaphore;
use wasmtime::component::Resource;

use crate::cache::find::Found;
use crate::cache::pending::Pending;
use crate::cache::tasks::Tasks;
use crate::cache::vacancy::Vacancy;
use crate::values::IncomingValue;

/// What an instance holds of `cache`.
///
/// The representation of a handle is an index into a slab, or [`Held::NO_ROOM`], so that a guest
/// meets an error and no trap where there is no room for another.
pub(crate) struct Held {
    gets: Slab<Pending<Option<IncomingValue>>>,
    exists: Slab<Pending<bool>>,
    writes: Slab<Pending<()>>,
    entries: Slab<Pending<Found>>,
    vacancies: Slab<Vacancy>,
    pub(crate) tasks: Tasks,
    /// A reading has one of these permits while the store answers.
    pub(crate) reads: Arc<Semaphore>,
}

/// What a future answers: which slab it is in.
pub(crate) trait Answered: Sized + Send + 'static {
    fn slab(held: &mut Held) -> &mut Slab<Pending<Self>>;
}

// === impl Held ===

impl Held {
    /// How many readings may go on at once, each of as much as the instance has room for.
    const READS: usize = 8;
    const NO_ROOM: u32 = u32::MAX;

    /// How many handles have an entry.
    pub(crate) fn len(&self) -> usize {
        let futures = self.gets.len() + self.exists.len() + self.writes.len() + self.entries.len();
        futures + self.vacancies.len()
    }

    /// Whether it has the turn to fill a key, or waits for one.
    pub(crate) fn is_filling(&self) -> bool {
        !self.entries.is_empty() || !self.vacancies.is_empty()
    }

    /// Keeps a future; none where there is no room for one.
    pub(crate) fn add<A: Answered>(&mut self, future: Option<Pending<A>>) -> Resource<Pending<A>> {
        Resource::new_own(match future {
            Some(future) => representation(A::slab(self).insert(future)),
            None => Self::NO_ROOM,
        })
    }

    /// A future; none if it was answered for lack of room.
    pub(crate) fn future<A: Answered>(
        &mut self,
        handle: &Resource<Pending<A>>,
    ) -> wasmtime::Result<Option<&mut Pending<A>>> {
        if handle.rep() == Self::NO_ROOM {
            return Ok(None);
        }
        let future = A::slab(self).get_mut(handle.rep() as usize);
        let gone = || wasmtime::format_err!("a future outlived its answer");
        future.map(Some).ok_or_else(gone)
    }

    pub(crate) fn drop_future<A: Answered>(&mut self, rep: u32) {
        A::slab(self).try_remove(rep as usize);
    }

    pub(crate) fn add_vacancy(&mut self, vacancy: Vacancy) -> Resource<Vacancy> {
        Resource::new_own(representation(self.vacancies.insert(vacancy)))
    }

    pub(crate) fn vacancy(&mut self, handle: &Resource<Vacancy>) -> wasmtime::Result<&mut Vacancy> {
        let vacancy = self.vacancies.get_mut(handle.rep() as usize);
        vacancy.ok_or_else(|| wasmtime::format_err!("a vacancy outlived its key"))
    }

    pub(crate) fn drop_vacancy(&mut self, rep: u32) {
        self.vacancies.try_remove(rep as usize);
    }
}

impl Default for Held {
    fn default() -> Self {
        Self {
            gets: Slab::new(),
            exists: Slab::new(),
            writes: Slab::new(),
            entries: Slab::new(),
            vacancies: Slab::new(),
            tasks: Tasks::default(),
            reads: Arc::new(Semaphore::new(Self::READS)),
        }
    }
}

// === impl Answered ===

impl Answered for Option<IncomingValue> {
    fn slab(held: &mut Held) -> &mut Slab<Pending<Self>> {
        &mut held.gets
    }
}

impl Answered for bool {
    fn slab(held: &mut Held) -> &mut Slab<Pending<Self>> {
        &mut held.exists
    }
}

impl Answered for () {
    fn slab(held: &mut Held) -> &mut Slab<Pending<Self>> {
        &mut held.writes
    }
}

impl Answered for Found {
    fn slab(held: &mut Held) -> &mut Slab<Pending<Self>> {
        &mut held.entries
    }
}

fn representation(index: usize) -> u32 {
    u32::try_from(index).expect("the limit on handles keeps indices within 32 bits")
}
