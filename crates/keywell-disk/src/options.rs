use crate::clock::Machine;
use crate::history::History;

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) cache_bytes: usize,
    pub(crate) history: History,
    pub(crate) machine: Machine,
    pub(crate) existing: bool,
    pub(crate) log_bytes: usize,
}

// === impl Options ===

impl Options {
    /// The size of the page cache, which also holds pages not yet written, in bytes. 64 MiB unless
    /// set.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// How many events the store keeps for watches that resume. 100,000 unless set. With zero, buckets
    /// cannot be watched, and a write takes half the space.
    #[must_use]
    pub fn history_events(mut self, events: u64) -> Self {
        self.history.events = events;
        self
    }

    /// The total size of the keys and values of kept events, in bytes. 64 MiB unless set; zero keeps
    /// none, as in [`history_events`](Self::history_events).
    #[must_use]
    pub fn history_bytes(mut self, bytes: u64) -> Self {
        self.history.bytes = bytes;
        self
    }

    /// The length of the log of a store that is created, in bytes: how much is written between two
    /// checkpoints. 4 MiB unless set, and at least 64 KiB. After a crash it is replayed.
    #[must_use]
    pub fn log_bytes(mut self, bytes: usize) -> Self {
        self.log_bytes = bytes;
        self
    }

    /// Refuses to create a store if there is none, for callers that only read.
    #[must_use]
    pub fn existing(mut self) -> Self {
        self.existing = true;
        self
    }

    #[cfg(test)]
    pub(crate) fn on(mut self, machine: Machine) -> Self {
        self.machine = machine;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 64 * 1024 * 1024,
            history: History {
                events: 100_000,
                bytes: 64 * 1024 * 1024,
            },
            machine: Machine::this(),
            existing: false,
            log_bytes: 4 * 1024 * 1024,
        }
    }
}
