use std::collections::HashMap;
use std::sync::{Arc, Weak};

use keywell_wasi::TotalMemory;
use parking_lot::Mutex;

use crate::engine::Tasks;
use crate::outgoing::Client;
use crate::output::Output;
use crate::printing::Printer;
use crate::room::{Part, Room};
use crate::ticker::Ticker;
use crate::turn::Turns;

/// What all components of a runtime share.
pub(crate) struct Shared {
    client: Arc<Client>,
    room: Arc<Room>,
    turns: Turns,
    output: Output,
    /// Components that are run, by name.
    components: Mutex<HashMap<Arc<str>, Known>>,
    total: Arc<TotalMemory>,
}

/// What all callers of a component have.
struct Known {
    /// For its triggers, if it has any.
    part: Weak<Part>,
    turns: Turns,
}

/// What the instances of one component have in common, and what of it is shared with others.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) client: Arc<Client>,
    pub(crate) tasks: Tasks,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) room: Arc<Room>,
    /// Of what triggers call; what other components call has none, and no place is kept free for it.
    pub(crate) part: Option<Arc<Part>>,
    pub(crate) turns: Turns,
    pub(crate) printer: Arc<Printer>,
    pub(crate) total: Arc<TotalMemory>,
}

// === impl Shared ===

impl Shared {
    /// Room for so many instances and so many bytes of them, which print there.
    pub(crate) fn new(instances: u32, total: usize, output: Output) -> Self {
        Self {
            client: Arc::default(),
            room: Arc::new(Room::new(instances)),
            turns: Turns::new(),
            output,
            components: Mutex::default(),
            total: Arc::new(TotalMemory::new(total)),
        }
    }

    /// For a component that a trigger calls, or that other components call. Its triggers run at most
    /// `most` calls at once. Triggers of one component have one part of the room, and all
    /// callers one part of the turns. Its engine has the tasks and the ticker.
    pub(crate) fn common(
        &self,
        component: &Arc<str>,
        (tasks, ticker): (Tasks, Arc<Ticker>),
        most: Option<u32>,
        has_trigger: bool,
    ) -> Common {
        let mut components = self.components.lock();
        components.retain(|_, known| known.turns.are_used());
        let known = components
            .entry(component.clone())
            .or_insert_with(|| Known {
                part: Weak::new(),
                turns: self.turns.for_another_component(),
            });
        let part = has_trigger.then(|| {
            known.part.upgrade().unwrap_or_else(|| {
                let part = self.room.part();
                known.part = Arc::downgrade(&part);
                part
            })
        });
        if let Some(part) = &part {
            part.limit(most.map_or(usize::MAX, |most| most as usize));
        }
        Common {
            client: self.client.clone(),
            tasks,
            ticker,
            room: self.room.clone(),
            part,
            turns: known.turns.clone(),
            printer: Arc::new(Printer::new(component.clone(), self.output.clone())),
            total: self.total.clone(),
        }
    }
}
