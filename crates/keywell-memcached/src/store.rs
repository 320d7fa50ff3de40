use std::fmt;
use std::sync::Arc;

use keywell_store::{Answer, Bucket, BucketName, Result, Store};

use crate::bucket::MemcachedBucket;
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
        let servers = Servers::open(&options).await?;
        Ok(Self {
            servers: Arc::new(servers),
            options,
        })
    }
}

impl Store for MemcachedStore {
    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        let names = Names::new(&self.options.prefix, name);
        Answer::now(Arc::new(MemcachedBucket::new(self.servers.clone(), names)))
    }

    fn health(&self) -> Answer<()> {
        let servers = self.servers.clone();
        Answer::later(async move { servers.probe().await })
    }

    fn close(&self) -> Answer<()> {
        self.servers.close();
        Answer::now(())
    }
}

impl fmt::Debug for MemcachedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemcachedStore")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
