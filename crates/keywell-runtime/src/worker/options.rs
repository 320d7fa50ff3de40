use std::sync::Arc;
use std::time::Duration;

use keywell_store::Store;

/// How the workers of a component are kept.
#[derive(Clone)]
pub struct WorkerOptions {
    /// The store that has their journals.
    pub journal: Arc<dyn Store>,
    /// The stores that the component is granted, each with the name that it has in journals, which has
    /// to stay.
    pub stores: Vec<(String, Arc<dyn Store>)>,
    /// How long no other process takes a worker over after this one has appended to its journal. Where
    /// no other process can open the store of the journal, it does not matter.
    pub lease: Duration,
    /// How many records are replayed at most.
    pub max_records: u64,
    /// After how many invocations that returned a snapshot is taken, where the component saves its
    /// state; 0 for never.
    pub snapshot_every: u32,
    /// What becomes of interrupted requests.
    pub interrupted_requests: InterruptedRequests,
}

/// What becomes of a request whose response was not recorded when its process ended. One with an
/// idempotent method, such as GET or PUT, is sent again in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InterruptedRequests {
    /// The worker stops until an operator decides.
    #[default]
    Stop,
    /// It is sent again, with the same idempotency key.
    Retry,
    /// The component gets an error: the connection was terminated.
    Fail,
}

// === impl WorkerOptions ===

impl WorkerOptions {
    /// After how many invocations a snapshot is taken if nothing else is said.
    pub const SNAPSHOT_EVERY: u32 = 100;

    /// Journals in a store, a lease of 10 seconds, at most a million records, a snapshot after
    /// [so many](Self::SNAPSHOT_EVERY) invocations, and stops at interrupted requests.
    pub fn new(journal: Arc<dyn Store>) -> Self {
        Self {
            journal,
            stores: Vec::new(),
            lease: Duration::from_secs(10),
            max_records: 1_000_000,
            snapshot_every: Self::SNAPSHOT_EVERY,
            interrupted_requests: InterruptedRequests::default(),
        }
    }
}
