use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use keywell_store::{Answer, Bucket, BucketName, Promptness, Result, Store};

use super::bucket::{CacheBucket, END};
use super::connection;
use super::node::Node;
use super::options::CacheOptions;

/// A cache in the memory of every process that opens it by the same name on the same NATS server.
pub struct CacheStore {
    node: Arc<Node>,
    options: CacheOptions,
}

// === impl CacheStore ===

impl CacheStore {
    /// Takes part in a cache, and waits for what the other processes have: at most half a second for
    /// one to say that it is there, and at most 30 s for its copy.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`](keywell_store::Error::Unavailable) if NATS cannot be reached.
    pub async fn open(options: CacheOptions) -> Result<Self> {
        let node = match &options.server {
            None => Node::alone(options.max_bytes),
            Some(server) => connection::join(server, &options).await?,
        };
        Ok(Self { node, options })
    }
}

impl Store for CacheStore {
    fn promptness(&self) -> Promptness {
        Promptness::AtOnce
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        Answer::now(Arc::new(CacheBucket::new(self.node.clone(), name)))
    }

    fn buckets(&self) -> Answer<Vec<BucketName>> {
        let names = self.node.read(|replica| {
            let entries = replica.entries_from("", None);
            let names = entries.filter_map(|(key, _)| key.split_once(END));
            names
                .map(|(name, _)| name.to_owned())
                .collect::<BTreeSet<_>>()
        });
        let names = names.iter().map(|name| BucketName::parse(name));
        names.collect::<Result<Vec<_>>>().into()
    }
}

impl fmt::Debug for CacheStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheStore")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
