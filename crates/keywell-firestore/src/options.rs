use std::fmt;
use std::time::Duration;

use keywell_client::Tls;
use keywell_store::Secret;

/// Where a store's documents are, and how it logs in.
#[derive(Clone)]
pub struct FirestoreOptions {
    /// The project.
    pub project: String,
    /// The database in it.
    pub database: String,
    /// The id of the collection that has the buckets, and of those that have their keys.
    pub collection: String,
    /// The service, `HOST` or `HOST:PORT`.
    pub endpoint: String,
    /// An emulator instead of the service, `HOST:PORT`: without encryption and without a login.
    pub emulator: Option<String>,
    /// The login, as the JSON text of a service account's key or of another kind of credentials;
    /// `None` finds one as other programs of Google Cloud do.
    pub credentials: Option<Secret>,
    /// How the connection to the service is checked.
    pub tls: Tls,
    /// How long an answer is waited for.
    pub answer_timeout: Duration,
}

// === impl FirestoreOptions ===

impl FirestoreOptions {
    /// Options for the default database of a project.
    pub fn new(project: impl Into<String>) -> Self {
        Self {
            project: project.into(),
            database: "(default)".to_owned(),
            collection: "keywell".to_owned(),
            endpoint: "firestore.googleapis.com".to_owned(),
            emulator: None,
            credentials: None,
            tls: Tls::default(),
            answer_timeout: Duration::from_secs(10),
        }
    }

    /// `projects/P/databases/D`
    pub(crate) fn name(&self) -> String {
        format!("projects/{}/databases/{}", self.project, self.database)
    }
}

impl fmt::Debug for FirestoreOptions {
    /// Without the login.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirestoreOptions")
            .field("project", &self.project)
            .field("database", &self.database)
            .field("collection", &self.collection)
            .finish_non_exhaustive()
    }
}
