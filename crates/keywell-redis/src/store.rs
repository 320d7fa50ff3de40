use std::sync::Arc;

use keywell_store::{Answer, Bucket, BucketName, Store};

use crate::journal::JournalStore;
use crate::link::Link;
use crate::{OpenError, Options};

/// A store on Redis.
pub struct RedisStore(JournalStore);

// === impl RedisStore ===

impl RedisStore {
    /// Connects.
    pub async fn connect(options: &Options) -> Result<Self, OpenError> {
        let link = Link::open(options).await?;
        Ok(Self(JournalStore::new(link, options)))
    }
}

impl Store for RedisStore {
    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        self.0.open(name)
    }

    fn buckets(&self) -> Answer<Vec<BucketName>> {
        self.0.buckets()
    }

    fn health(&self) -> Answer<()> {
        self.0.health()
    }

    fn close(&self) -> Answer<()> {
        self.0.close()
    }
}
