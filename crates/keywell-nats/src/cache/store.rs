use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keywell_store::{Answer, Bucket, BucketName, Error, Promptness, Result, Store};

use super::bucket::CacheBucket;
use super::connection;
use super::key;
use super::node::Node;
use super::options::CacheOptions;
use super::replica::place;

/// A cache in the memory of every process that opens it by the same name on the same NATS servers.
pub struct CacheStore {
    node: Arc<Node>,
    options: CacheOptions,
}

/// How long the end of a store waits until what was written is sent.
const CLOSING: Duration = Duration::from_secs(5);

// === impl CacheStore ===

impl CacheStore {
    /// Takes part in a cache, and waits for what the other processes have: at most half a second for
    /// one to say that it is there, and at most 30 s for its copy.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if NATS cannot be reached, or without a
    /// server with [`existing`](CacheOptions::existing), and
    /// [`Error::AccessDenied`] if NATS refuses the login.
    pub async fn open(options: CacheOptions) -> Result<Self> {
        let node = if options.servers.is_empty() {
            if options.existing {
                let problem = "without a server the cache lives inside one process; name one, as \
                               in nats-cache://HOST";
                return Err(Error::Unavailable(problem.into()));
            }
            Node::alone(options.max_bytes)
        } else {
            connection::join(&options).await?
        };
        Ok(Self { node, options })
    }

    /// How many messages on its subjects were none of this version of the cache. They are ignored.
    pub fn foreign_messages(&self) -> u64 {
        self.node.foreign()
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
            let mut names: Vec<String> = Vec::new();
            // Before it are the elements of lists and sets.
            let mut after = place::BEHIND.to_owned();
            loop {
                let next = replica.all_from("", Some(&after)).next();
                let Some(key) = next.map(|(key, _)| key.to_owned()) else {
                    break;
                };
                // Other programs may hold other keys.
                after = match key::split(&key) {
                    None => key,
                    Some((name, _)) => {
                        names.push(name.to_owned());
                        key::end(name)
                    }
                };
            }
            names
        });
        let names = names.iter().map(|name| BucketName::parse(name));
        names.collect::<Result<Vec<_>>>().into()
    }

    /// Waits until NATS has what was written, for 5 s at most.
    fn close(&self) -> Answer<()> {
        let Some(outgoing) = self.node.close() else {
            return Answer::now(());
        };
        let flushed = outgoing.flush();
        Answer::later(async move {
            drop(tokio::time::timeout(CLOSING, flushed).await);
            Ok(())
        })
    }
}

impl fmt::Debug for CacheStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheStore")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
