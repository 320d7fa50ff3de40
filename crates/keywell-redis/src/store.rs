use std::sync::Arc;

use keywell_store::{
    Answer, Bucket, BucketName, Check, Maintenance, Promptness, Store, StoreId, Transacted, Write,
};

use crate::OpenError;
use crate::journal::JournalStore;
use crate::link::Link;
use crate::options::{Layout, Options};
use crate::plain::PlainStore;

/// A store on Redis or Valkey.
///
/// Cloning is cheap. It is connected for as long as the store, one of its buckets, or one of their
/// answers or watches lives, or until it is closed.
#[derive(Clone)]
pub struct RedisStore(Arc<dyn Store>);

// === impl RedisStore ===

impl RedisStore {
    /// Connects, from within a tokio runtime, which has to live as long as the store.
    ///
    /// # Errors
    ///
    /// When there is no connection within the time for it, unless the options say that it is made
    /// with the first call. Once open, a store comes back by itself, however long its server was
    /// away.
    pub async fn connect(options: &Options) -> Result<Self, OpenError> {
        let link = Link::open(options).await?;
        Ok(Self(match options.layout {
            Layout::Plain | Layout::Flat => Arc::new(PlainStore::new(link, options)),
            Layout::Journal => Arc::new(JournalStore::new(link, options)),
        }))
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for RedisStore {
    fn promptness(&self) -> Promptness {
        self.0.promptness()
    }

    fn is_exclusive(&self) -> bool {
        self.0.is_exclusive()
    }

    fn id(&self) -> Option<StoreId> {
        self.0.id()
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        self.0.open(name)
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        self.0.transact(checks, writes)
    }

    fn buckets(&self) -> Answer<Vec<BucketName>> {
        self.0.buckets()
    }

    fn forget(&self, name: &BucketName) -> Answer<()> {
        self.0.forget(name)
    }

    fn description(&self, name: &BucketName) -> Answer<Option<String>> {
        self.0.description(name)
    }

    fn health(&self) -> Answer<()> {
        self.0.health()
    }

    fn maintain(&self, task: Maintenance) -> Answer<()> {
        self.0.maintain(task)
    }

    fn close(&self) -> Answer<()> {
        self.0.close()
    }
}
