use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keywell_store::Cas;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::operation::{Asked, History, Operation, Told};

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A client is about to ask.
    Invoked {
        /// Who.
        client: usize,
        /// About which key.
        key: String,
        /// What.
        asked: Asked,
        /// When.
        at: u64,
    },
    /// The client was told.
    Returned {
        /// Who.
        client: usize,
        /// What.
        told: Told,
        /// When.
        at: u64,
    },
}

/// Tells the time, in any unit, the same to all clients of a history.
///
/// What is read later must not be less. A clock that reads the same twice, or that is coarse, makes
/// operations overlap that did not: the check then finds less, and never what is not there.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Writes down what clients ask and are told.
#[derive(Clone)]
pub struct Recorder {
    clock: Clock,
    sink: Arc<dyn Fn(Event) + Send + Sync>,
}

// === impl Recorder ===

impl Recorder {
    /// Gives each event to `sink`, the invocation before anything is asked: what `sink` has
    /// by then must survive the end of the client's process.
    pub fn new(clock: Clock, sink: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self {
            clock,
            sink: Arc::new(sink),
        }
    }

    /// Collects the events of this process, on a clock that counts them.
    pub(super) fn collecting() -> (Self, Arc<Mutex<Vec<Event>>>) {
        let events = Arc::<Mutex<Vec<Event>>>::default();
        let count = AtomicU64::new(0);
        // Sequentially consistent: an operation that was told before another was asked, on whatever
        // thread, has the lower number.
        let clock: Clock = Arc::new(move || count.fetch_add(1, Ordering::SeqCst));
        let sink = events.clone();
        (
            Self::new(clock, move |event| sink.lock().push(event)),
            events,
        )
    }

    pub(super) fn invoked(&self, client: usize, key: &str, asked: &Asked) {
        (self.sink)(Event::Invoked {
            client,
            key: key.to_owned(),
            asked: asked.clone(),
            at: (self.clock)(),
        });
    }

    pub(super) fn returned(&self, client: usize, told: &Told) {
        let at = (self.clock)();
        (self.sink)(Event::Returned {
            client,
            told: told.clone(),
            at,
        });
    }
}

// === impl History ===

impl History {
    /// Puts journals together. Each client's events are in their order, and those of several
    /// clients are mixed in any way.
    pub fn new(events: impl IntoIterator<Item = Event>, cas: Cas) -> Self {
        let mut operations: Vec<Operation> = Vec::new();
        let mut latest = BTreeMap::new();
        for event in events {
            match event {
                Event::Invoked {
                    client,
                    key,
                    asked,
                    at,
                } => {
                    latest.insert(client, operations.len());
                    operations.push(Operation {
                        client,
                        key,
                        asked,
                        invoked: at,
                        told: None,
                    });
                }
                Event::Returned { client, told, at } => {
                    let asked = latest.remove(&client);
                    let asked = asked.expect("a client is told only what it asked");
                    operations[asked].told = Some((told, at));
                }
            }
        }
        Self { operations, cas }
    }
}
