use std::fmt;
use std::time::Duration;

use super::stream::{BucketOptions, Storage};
use crate::login::Login;
use crate::near::caching::Caching;

/// Where a store's buckets are, and how they are created.
#[derive(Clone)]
pub struct JetStreamOptions {
    /// Servers, each `HOST` or `HOST:PORT`, of one cluster.
    pub servers: Vec<String>,
    /// How the client logs in.
    pub login: Login,
    /// The domain of the `JetStream`, where it is not the server's own.
    pub domain: Option<String>,
    /// The NATS bucket that the default bucket is; `default` unless set.
    pub bucket: Option<String>,
    /// Whether a bucket is created that is opened and not there.
    pub create: bool,
    /// How many servers have a copy of a bucket; 1 unless set. What is set here and in the next three
    /// has to hold of a bucket that is there.
    pub replicas: Option<u32>,
    /// How many writes of a key are kept; 1 unless set.
    pub history: Option<u32>,
    /// Where a bucket is stored; in files unless set.
    pub storage: Option<Storage>,
    /// After how long any value of a bucket is gone; never unless set.
    pub ttl: Option<Duration>,
    /// How long a server keeps the marker of a value that expired, at least a second.
    pub markers: Duration,
    /// What this process keeps of the buckets that it reads.
    pub cache: Caching,
    /// How many bytes of values are kept of each bucket with [`Caching::Keys`].
    pub cache_bytes: usize,
    /// How long an answer is waited for.
    pub answer_timeout: Duration,
}

// === impl JetStreamOptions ===

impl JetStreamOptions {
    /// Options for servers, each `HOST` or `HOST:PORT`.
    pub fn new<S: Into<String>>(servers: impl IntoIterator<Item = S>) -> Self {
        Self {
            servers: servers.into_iter().map(Into::into).collect(),
            login: Login::default(),
            domain: None,
            bucket: None,
            create: true,
            replicas: None,
            history: None,
            storage: None,
            ttl: None,
            markers: Duration::from_mins(15),
            cache: Caching::default(),
            cache_bytes: 64 << 20,
            answer_timeout: Duration::from_secs(5),
        }
    }

    pub(super) fn wanted(&self) -> BucketOptions {
        BucketOptions {
            is_created: self.create,
            replicas: self.replicas,
            history: self.history,
            storage: self.storage,
            max_age: self.ttl,
            markers: self.markers,
        }
    }
}

impl fmt::Debug for JetStreamOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStreamOptions")
            .field("servers", &self.servers)
            .finish_non_exhaustive()
    }
}
