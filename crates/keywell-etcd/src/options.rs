use std::fmt;
use std::time::Duration;

use keywell_client::Tls;
use keywell_store::Secret;

/// Where a store's keys are, and how it logs in.
#[derive(Clone)]
pub struct EtcdOptions {
    /// Servers, each `HOST` or `HOST:PORT`, of one cluster. IPv6 addresses are in brackets.
    pub endpoints: Vec<String>,
    /// What the keys of the store begin with. A slash follows.
    pub prefix: String,
    /// A user and a password.
    pub user: Option<(String, Secret)>,
    /// How encrypted connections are checked; `None` does not encrypt.
    pub tls: Option<Tls>,
    /// How long an answer is waited for.
    pub answer_timeout: Duration,
}

// === impl EtcdOptions ===

impl EtcdOptions {
    /// Options for servers, each `HOST` or `HOST:PORT`.
    pub fn new<S: Into<String>>(endpoints: impl IntoIterator<Item = S>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            prefix: "keywell".to_owned(),
            user: None,
            tls: None,
            answer_timeout: Duration::from_secs(5),
        }
    }
}

impl fmt::Debug for EtcdOptions {
    /// Without the login.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdOptions")
            .field("endpoints", &self.endpoints)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
