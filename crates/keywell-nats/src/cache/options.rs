use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use keywell_store::Secret;

/// How a process takes part in a replicated cache.
#[derive(Clone)]
pub struct CacheOptions {
    /// `HOST[:PORT]` of a NATS server. Without one the cache is of this process alone.
    pub server: Option<String>,
    /// Which cache: processes that give the same name to the same server share it.
    pub name: String,
    /// A user and a password.
    pub login: Option<(String, Secret)>,
    /// A token instead.
    pub token: Option<Secret>,
    /// A JWT with the seed of its key instead.
    pub jwt: Option<(Secret, Secret)>,
    /// Whether the connection is encrypted.
    pub has_tls: bool,
    /// A file with the certificates to trust, besides the system's.
    pub tls_ca: Option<PathBuf>,
    /// Subjects begin with it: of changes, which go to all processes.
    pub changes: String,
    /// Of what processes send each other.
    pub replays: String,
    /// How often a process says what it has, where nothing was written.
    pub heartbeat: Duration,
    /// How many bytes the cache may hold; the keys written longest ago leave first. `None` bounds
    /// nothing.
    pub max_bytes: Option<usize>,
}

// === impl CacheOptions ===

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            server: None,
            name: "default".to_owned(),
            login: None,
            token: None,
            jwt: None,
            has_tls: false,
            tls_ca: None,
            changes: "lattice.state.events".to_owned(),
            replays: "lattice.state.replay".to_owned(),
            heartbeat: Duration::from_mins(1),
            max_bytes: None,
        }
    }
}

impl fmt::Debug for CacheOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheOptions")
            .field("server", &self.server)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
