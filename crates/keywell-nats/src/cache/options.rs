use std::fmt;
use std::time::Duration;

use crate::Login;

/// How a process takes part in a replicated cache.
#[derive(Clone)]
pub struct CacheOptions {
    /// NATS servers, each `HOST` or `HOST:PORT`. Without any the cache is of this process alone.
    pub servers: Vec<String>,
    /// How it logs in to them.
    pub login: Login,
    /// Which cache: processes that give the same name to the same servers share it.
    pub name: String,
    /// What the subject of changes begins with, which go to all processes.
    pub changes: String,
    /// What the subjects of messages for one process begin with.
    pub replays: String,
    /// The longest time between two comparisons, where nothing is written.
    pub heartbeat: Duration,
    /// How many bytes keys and values may have, each entry with 64 more; the keys written longest ago
    /// leave first, in all processes. `None` bounds nothing.
    pub max_bytes: Option<usize>,
    /// Whether the cache is to be open in another process: without a server opening fails, and
    /// else a warning is logged if none answers.
    pub existing: bool,
}

// === impl CacheOptions ===

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            login: Login::default(),
            name: "default".to_owned(),
            changes: "lattice.state.events".to_owned(),
            replays: "lattice.state.replay".to_owned(),
            heartbeat: Duration::from_mins(1),
            max_bytes: None,
            existing: false,
        }
    }
}

impl fmt::Debug for CacheOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheOptions")
            .field("servers", &self.servers)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
