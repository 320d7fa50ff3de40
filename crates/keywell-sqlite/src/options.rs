use std::time::Duration;

use keywell_store::Durability;

use crate::history::History;

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) history: History,
    pub(crate) cache_bytes: usize,
    pub(crate) busy_timeout: Duration,
    pub(crate) poll: Duration,
    pub(crate) durability: Durability,
    pub(crate) existing: bool,
}

// === impl Options ===

impl Options {
    /// How many events the store keeps for watches that resume. 100,000 unless set. With zero, buckets
    /// cannot be watched in this process, and watches in others have to begin again after its writes.
    #[must_use]
    pub fn history_events(mut self, events: u64) -> Self {
        self.history.events = events;
        self
    }

    /// The total size of the kept events, in bytes. 64 MiB unless set; zero keeps none, as in
    /// [`history_events`](Self::history_events).
    #[must_use]
    pub fn history_bytes(mut self, bytes: u64) -> Self {
        self.history.bytes = bytes;
        self
    }

    /// The size of the page cache of each connection, in bytes. 8 MiB unless set. A store has one
    /// connection that writes, and as many that read as there are readers at the same time.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// How long a call waits for a lock that another process holds. Five seconds unless set.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// How often a watched store looks for what other processes wrote. 50 ms unless set.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll = interval;
        self
    }

    /// Leaves out the sync of the disk at each commit: acknowledged writes survive the end of the
    /// process, and not the loss of power, which leaves the state of an earlier commit.
    #[must_use]
    pub fn unsynced(mut self) -> Self {
        self.durability = Durability::Process;
        self
    }

    /// Refuses to create a store if there is none, for callers that only read.
    #[must_use]
    pub fn existing(mut self) -> Self {
        self.existing = true;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            history: History {
                events: 100_000,
                bytes: 64 << 20,
            },
            cache_bytes: 8 << 20,
            busy_timeout: Duration::from_secs(5),
            poll: Duration::from_millis(50),
            durability: Durability::Synced,
            existing: false,
        }
    }
}
