use std::fmt;
use std::time::Duration;

use keywell_client::Tls;
use keywell_store::Secret;

/// Where a store's keys are, and how it logs in.
#[derive(Clone)]
pub struct MemcachedOptions {
    /// Servers, each `HOST` or `HOST:PORT`. Which keys are on which depends on how they are written
    /// here, not on their order.
    pub servers: Vec<String>,
    /// What the names of keys begin with.
    pub prefix: String,
    /// A user and a password, for servers that are started with `--auth-file`.
    pub user: Option<(String, Secret)>,
    /// How encrypted connections are checked; `None` does not encrypt.
    pub tls: Option<Tls>,
    /// How long an answer is waited for.
    pub answer_timeout: Duration,
}

// === impl MemcachedOptions ===

impl MemcachedOptions {
    /// Options for servers, each `HOST` or `HOST:PORT`.
    pub fn new<S: Into<String>>(servers: impl IntoIterator<Item = S>) -> Self {
        Self {
            servers: servers.into_iter().map(Into::into).collect(),
            prefix: String::new(),
            user: None,
            tls: None,
            answer_timeout: Duration::from_secs(5),
        }
    }
}

impl fmt::Debug for MemcachedOptions {
    /// Without the login.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemcachedOptions")
            .field("servers", &self.servers)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
