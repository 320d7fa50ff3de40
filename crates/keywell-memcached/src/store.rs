use std::fmt;
use std::sync::Arc;

use keywell_store::backend::Backends;
use keywell_store::{Answer, Bucket, BucketName, Result, Store};

use crate::backing::Backing;
use crate::names::Names;
use crate::options::MemcachedOptions;
use crate::servers::Servers;

/// A store on one Memcached server, or on several that share its keys.
///
/// A clone is the same store.
#[derive(Clone)]
pub struct MemcachedStore {
    servers: Arc<Servers>,
    options: MemcachedOptions,
    buckets: Arc<Backends<Backing>>,
}

// === impl MemcachedStore ===

impl MemcachedStore {
    /// Connects to all servers.
    ///
    /// # Errors
    ///
    /// [`AccessDenied`](keywell_store::Error::AccessDenied) for a login that a server refuses,
    /// [`Unavailable`](keywell_store::Error::Unavailable) if one cannot be reached.
    pub async fn open(options: MemcachedOptions) -> Result<Self> {
        let servers = Arc::new(Servers::open(&options).await?);
        let (shared, prefix) = (servers.clone(), options.prefix.clone());
        let make = move |name: &BucketName| Backing {
            servers: shared.clone(),
            names: Names::new(&prefix, name),
        };
        Ok(Self {
            servers,
            options,
            buckets: Arc::new(Backends::new(make)),
        })
    }
}

impl Store for MemcachedStore {
    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        self.buckets.bucket(name)
    }

    fn health(&self) -> Answer<()> {
        let servers = self.servers.clone();
        Answer::later(async move { servers.probe().await })
    }

    /// Waits until the writes that were sent are answered.
    fn close(&self) -> Answer<()> {
        let (servers, closed) = (self.servers.clone(), self.buckets.close());
        Answer::later(async move {
            closed.await;
            servers.close();
            Ok(())
        })
    }
}

impl fmt::Debug for MemcachedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemcachedStore")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
