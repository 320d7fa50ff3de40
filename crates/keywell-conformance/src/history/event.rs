use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::operation::{Request, Response};

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A client is about to send a request.
    Invoked {
        /// The client.
        client: usize,
        /// The key.
        key: String,
        /// The request.
        request: Request,
        /// The time.
        at: u64,
    },
    /// A client received the response to its last request.
    Returned {
        /// The client.
        client: usize,
        /// The response.
        response: Response,
        /// The time.
        at: u64,
    },
}

/// A monotonic clock, in any unit, that all clients of a history share.
///
/// A coarse clock makes operations overlap that did not. The check may then miss violations, but
/// reports no false ones.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Records the requests and responses of clients.
#[derive(Clone)]
pub struct Recorder {
    clock: Clock,
    sink: Arc<dyn Fn(Event) + Send + Sync>,
}

// === impl Recorder ===

impl Recorder {
    /// Passes each event to `sink`, an invocation before its request is sent. If a client's process
    /// may be killed, `sink` must have stored the event durably when it returns.
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
        // Sequentially consistent: a response that precedes a request on another thread has the
        // lower number.
        let clock: Clock = Arc::new(move || count.fetch_add(1, Ordering::SeqCst));
        let sink = events.clone();
        (
            Self::new(clock, move |event| sink.lock().push(event)),
            events,
        )
    }

    pub(super) fn invoked(&self, client: usize, key: &str, request: &Request) {
        (self.sink)(Event::Invoked {
            client,
            key: key.to_owned(),
            request: request.clone(),
            at: (self.clock)(),
        });
    }

    pub(super) fn returned(&self, client: usize, response: &Response) {
        let at = (self.clock)();
        (self.sink)(Event::Returned {
            client,
            response: response.clone(),
            at,
        });
    }
}
