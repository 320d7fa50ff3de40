use std::fmt;
use std::time::Duration;

use keywell_store::Secret;

/// Where a store's container is, and how it logs in.
#[derive(Clone)]
pub struct CosmosOptions {
    /// The account's host, and its port if that is not 443: `ACCOUNT.documents.azure.com`.
    pub host: String,
    /// The database.
    pub database: String,
    /// The container.
    pub container: String,
    /// A key of the account; without one, the platform's usual credentials for Microsoft Entra.
    pub key: Option<Secret>,
    /// Whether the database and the container are made where there are none. It takes a key.
    pub create: bool,
    /// Whether connections are encrypted. Only an emulator on this machine may go without.
    pub tls: bool,
    /// The regions to use, the first first; without any, in the account's order.
    pub regions: Vec<String>,
    /// How long tombstones are kept. A watch resumes from no token that is older.
    pub tombstones: Duration,
    /// How long a watch waits before it asks for changes again.
    pub poll: Duration,
    /// How long an answer is waited for, at least a second.
    pub answer_timeout: Duration,
}

// === impl CosmosOptions ===

impl CosmosOptions {
    /// Options for a container of an account.
    pub fn new(
        host: impl Into<String>,
        database: impl Into<String>,
        container: impl Into<String>,
    ) -> Self {
        Self {
            host: host.into(),
            database: database.into(),
            container: container.into(),
            key: None,
            create: false,
            tls: true,
            regions: Vec::new(),
            tombstones: Duration::from_hours(7 * 24),
            poll: Duration::from_millis(500),
            answer_timeout: Duration::from_secs(5),
        }
    }

    /// The URL of the account.
    pub(crate) fn endpoint(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}/", self.host)
    }

    /// The container, as messages name it.
    pub(crate) fn shown(&self) -> String {
        format!("{}/{} on {}", self.database, self.container, self.host)
    }
}

impl fmt::Debug for CosmosOptions {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CosmosOptions")
            .field("host", &self.host)
            .field("database", &self.database)
            .field("container", &self.container)
            .finish_non_exhaustive()
    }
}
