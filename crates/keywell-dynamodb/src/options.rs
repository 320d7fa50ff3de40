use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use keywell_store::Secret;

/// Which table a store is, and how DynamoDB is reached.
///
/// What is `None` comes from the environment and the profile files of AWS, as usual.
#[derive(Clone)]
pub struct DynamoDbOptions {
    /// The name of the table, or its ARN.
    pub table: String,
    /// The region.
    pub region: Option<String>,
    /// The URL of the service, such as that of an emulator.
    pub endpoint: Option<String>,
    /// The profile of the profile files.
    pub profile: Option<String>,
    /// An access key and its secret; else the credentials of the environment, of the profile, or of
    /// the container or machine.
    pub access_key: Option<(String, Secret)>,
    /// The token of a temporary access key.
    pub session_token: Option<Secret>,
    /// Whether the table is created if it is missing: on demand, with a stream, and with `ttl` as the
    /// attribute by which keys expire.
    pub create: bool,
    /// The certificate authorities to trust, a PEM file; the system's unless set.
    pub ca: Option<PathBuf>,
    /// The certificate authorities to trust, as PEM text.
    pub ca_pem: Option<String>,
    /// How long an answer is waited for.
    pub answer_timeout: Duration,
}

// === impl DynamoDbOptions ===

impl DynamoDbOptions {
    /// Options for a table.
    pub fn new(table: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            region: None,
            endpoint: None,
            profile: None,
            access_key: None,
            session_token: None,
            create: false,
            ca: None,
            ca_pem: None,
            answer_timeout: Duration::from_secs(5),
        }
    }
}

impl fmt::Debug for DynamoDbOptions {
    /// Without the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoDbOptions")
            .field("table", &self.table)
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
