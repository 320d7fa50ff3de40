//! How a trigger delivers, with defaults that suit most.

use std::path::PathBuf;
use std::time::Duration;

use crate::Environment;

/// How a trigger delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchOptions {
    /// How many deliveries of this trigger may run at once. Events of one key never do.
    pub parallel: usize,
    /// How long one attempt at a delivery may take; `None` is [`Options::timeout`](crate::Options).
    pub deadline: Option<Duration>,
    /// How often a failed delivery is tried again before its event goes to the dead letters.
    pub retries: u32,
    /// How long to wait before each retry.
    pub backoff: Backoff,
    /// How long a chain of deliveries may be in which each was caused by a write of the one before
    /// it, the first not counted. An event further down goes to the dead letters.
    pub hops: u32,
    /// How many events may be queued or under way, before no more are taken from the store.
    pub queued_events: usize,
    /// How many bytes of keys and values these may be, save that one event always has room.
    pub queued_bytes: usize,
    /// How often the stored position moves on past changes that the trigger does not subscribe to. A history
    /// that holds less than that of them loses what came while no process watched.
    pub checkpoint: Duration,
    /// How long after its last heartbeat a process loses its partitions to others that run a trigger
    /// of the same name.
    pub lease: Duration,
    /// A folder, for this user alone, in which the processes of this machine show each other that
    /// they live, so that one which was killed is replaced at once. It must not be on a file system
    /// that other machines write to, unless locks hold across them.
    pub members: Option<PathBuf>,
    /// What instances see of the world besides their buckets.
    pub environment: Environment,
}

/// Waiting times that double from one failure to the next, each shortened at random by up to half,
/// so that what failed together is not tried again together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Before the first retry.
    pub first: Duration,
    /// No wait is longer than this.
    pub most: Duration,
}

// === impl WatchOptions ===

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            parallel: 64,
            deadline: None,
            retries: 3,
            backoff: Backoff::default(),
            hops: 8,
            queued_events: 4096,
            queued_bytes: 64 << 20,
            checkpoint: Duration::from_mins(1),
            lease: Duration::from_secs(10),
            members: None,
            environment: Environment::default(),
        }
    }
}

// === impl Backoff ===

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            most: Duration::from_secs(10),
        }
    }
}
