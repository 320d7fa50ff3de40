use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::try_join_all;
use keywell_store::{
    Answer, Bucket, BucketName, Check, Result, Store, StoreId, Transacted, Watching, Write,
    reserved,
};

use super::bucket::JournalBucket;
use super::registry::Registry;
use super::settings::Settings;
use super::shard::{Shard, closed};
use super::space::Space;
use super::tails::Tails;
use super::transact;
use crate::link::Link;
use crate::options::Options;

/// A store of the journal layout.
#[derive(Clone)]
pub(crate) struct JournalStore(Arc<Inner>);

struct Inner {
    id: StoreId,
    link: Link,
    registry: Registry,
    prefix: String,
    settings: Settings,
    is_watched: bool,
    tails: Arc<Tails>,
    is_closed: Arc<AtomicBool>,
}

// === impl JournalStore ===

impl JournalStore {
    /// What every name begins with, unless a prefix is set. No name of the plain layout begins
    /// with a colon.
    pub(crate) const PREFIX: &str = ":keywell:";

    /// A store over a link.
    pub(crate) fn new(link: Link, options: &Options) -> Self {
        let prefix = options.prefix.as_deref().unwrap_or(Self::PREFIX);
        Self(Arc::new(Inner {
            id: StoreId::unique(),
            registry: Registry::new(link.clone(), prefix),
            link,
            prefix: prefix.to_owned(),
            settings: options.journal,
            is_watched: options.watch,
            tails: Arc::default(),
            is_closed: Arc::default(),
        }))
    }
}

// === impl Inner ===

impl Inner {
    fn shard(&self, bucket: &BucketName, shard: usize, shards: usize) -> Shard {
        let space = Space::new(&self.prefix, bucket, shard, shards);
        let settings = if reserved::is_reserved(bucket) {
            self.settings.live()
        } else {
            self.settings
        };
        let settings = Settings { shards, ..settings };
        let is_closed = self.is_closed.clone();
        Shard::new(
            &self.link,
            &self.registry,
            bucket,
            space,
            settings,
            is_closed,
        )
    }

    /// Whether a bucket holds something.
    async fn is_inhabited(&self, bucket: &BucketName, shards: usize) -> Result<bool> {
        for shard in 0..shards {
            if self.shard(bucket, shard, shards).count().await? > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Store for JournalStore {
    fn id(&self) -> Option<StoreId> {
        Some(self.0.id)
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        let Inner {
            prefix,
            settings,
            is_watched,
            tails,
            ..
        } = &*self.0;
        let shards = settings.shards;
        let watching = match *is_watched && settings.is_history_kept() {
            false => Watching::None,
            true if reserved::is_reserved(name) => Watching::Lossy,
            true => Watching::Resumable,
        };
        let each = (0..shards).map(|shard| Arc::new(self.0.shard(name, shard, shards)));
        Answer::now(Arc::new(JournalBucket {
            store: self.0.id,
            name: name.clone(),
            shards: each.collect(),
            tails: tails.clone(),
            watching,
            scope: format!("redis-journal/{shards}/{}/{prefix}/{name}", prefix.len()).into(),
        }))
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        if self.0.is_closed.load(Ordering::Acquire) {
            return closed().into();
        }
        let shards = self.0.settings.shards;
        if let Err(error) = transact::check(shards, &checks, &writes) {
            return error.into();
        }
        let Some(bucket) = transact::bucket(&checks, &writes) else {
            return Answer::now(Transacted::Done(Vec::new()));
        };
        let shard = self.0.shard(bucket, 0, shards);
        Answer::later(async move { shard.transact(&checks, &writes).await })
    }

    /// Those entered in the registry that hold something, whatever their number of shards.
    fn buckets(&self) -> Answer<Vec<BucketName>> {
        const AT_ONCE: usize = 64;
        let store = self.0.clone();
        Answer::later(async move {
            let mut names = Vec::new();
            for some in store.registry.all().await?.chunks(AT_ONCE) {
                let each = some
                    .iter()
                    .map(|(name, shards)| store.is_inhabited(name, *shards));
                let inhabited = try_join_all(each).await?;
                let some = some.iter().zip(inhabited);
                names.extend(
                    some.filter(|(_, is)| *is)
                        .map(|((name, _), _)| name.clone()),
                );
            }
            names.sort_unstable();
            Ok(names)
        })
    }

    fn forget(&self, name: &BucketName) -> Answer<()> {
        let (store, name) = (self.0.clone(), name.clone());
        Answer::later(async move {
            let shards = store.settings.shards;
            // A shard may be empty, and have a history, where another one has the only key.
            if store.is_inhabited(&name, shards).await? {
                return Ok(());
            }
            for shard in 0..shards {
                if !store.shard(&name, shard, shards).forget().await? {
                    return Ok(());
                }
            }
            store.registry.leave(&name).await
        })
    }

    fn health(&self) -> Answer<()> {
        let link = self.0.link.clone();
        Answer::later(async move { link.health().await })
    }

    /// Ends the watches too.
    fn close(&self) -> Answer<()> {
        let store = self.0.clone();
        Answer::later(async move {
            store.is_closed.store(true, Ordering::Release);
            store.tails.close();
            store.link.close().await;
            Ok(())
        })
    }
}
