use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use keywell_store::{
    Answer, Bucket, BucketName, Check, Error, Result, Store, StoreId, Transacted, Write, reserved,
};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;

use super::api::Api;
use super::backing::Backing;
use super::bucket::JetStreamBucket;
use super::listing;
use super::options::JetStreamOptions;
use super::stream::{self, Storage, Stream};
use super::transact;
use crate::link::{Dialer, Link};
use crate::near::behind;
use crate::near::bucket::NearBucket;
use crate::near::cache::NearCache;
use crate::near::caching::Caching;

/// A store whose buckets are key-value buckets of NATS.
///
/// A clone is the same store.
#[derive(Clone)]
pub struct JetStreamStore(Arc<Inner>);

struct Inner {
    id: StoreId,
    api: Api,
    options: JetStreamOptions,
    /// Those that were opened.
    buckets: Mutex<HashMap<BucketName, Arc<Backing>>>,
    /// Their copies in this process, by the names that they have on the server. One that is opened
    /// again keeps its copy, as all handles must see what any of them wrote.
    copies: Mutex<HashMap<BucketName, Option<Arc<NearCache>>>>,
}

/// The API of the oldest servers that are used, NATS 2.11. Older ones do not read several keys at once.
const OLDEST_LEVEL: u32 = 1;

/// A page of the names of streams.
#[derive(Deserialize)]
struct Streams {
    #[serde(default)]
    total: usize,
    #[serde(default)]
    streams: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Purged {}

// === impl JetStreamStore ===

impl JetStreamStore {
    /// Connects to NATS. Buckets are looked up, or created, as they are opened.
    ///
    /// # Errors
    ///
    /// [`Error::AccessDenied`] for wrong credentials, [`Error::Unavailable`] if no server can be
    /// reached, or it is older than 2.11.
    pub async fn open(options: JetStreamOptions) -> Result<Self> {
        let dialer = Dialer {
            login: options.login.clone(),
            servers: options.servers.clone(),
            options: |options| options,
        };
        let link = Arc::new(Link::open(dialer).await?);
        let api = Api::new(link, options.domain.as_deref(), options.answer_timeout);
        // An account may be without JetStream.
        if api.account().await?.api_level() < OLDEST_LEVEL {
            let what = "the NATS server is older than 2.11, which the store needs";
            return Err(Error::Unavailable(what.into()));
        }
        Ok(Self(Arc::new(Inner {
            id: StoreId::unique(),
            api,
            options,
            buckets: Mutex::default(),
            copies: Mutex::default(),
        })))
    }
}

impl JetStreamStore {
    /// Waits until reads of a bucket are answered from its copy in this process, if it has one.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub async fn copied(&self, name: &BucketName) -> Result<()> {
        if let Some(copy) = &self.0.backing(name).await?.copy {
            copy.completed().await;
        }
        Ok(())
    }
}

// === impl Inner ===

impl Inner {
    /// The name that a bucket has on the server.
    fn native(&self, name: &BucketName) -> Result<BucketName> {
        match &self.options.bucket {
            Some(native) if name.is_default() => BucketName::parse(native),
            _ => Ok(name.clone()),
        }
    }

    async fn backing(&self, name: &BucketName) -> Result<Arc<Backing>> {
        let known = self.buckets.lock().get(name).cloned();
        if let Some(known) = known.filter(|known| !known.is_doubtful()) {
            return Ok(known);
        }
        let native = self.native(name)?;
        let stream = Stream::open(&self.api, &native, &self.options.wanted()).await?;
        let is_reserved = reserved::is_reserved(name);
        let copy = self.copy(&native, &stream, is_reserved);
        let backing = Arc::new(Backing::new(
            self.api.clone(),
            stream,
            &native,
            self.options.wanted(),
            is_reserved,
            copy.map(|cache| cache.copy().clone()),
        ));
        let mut buckets = self.buckets.lock();
        // Another caller may have been faster; turns are taken at one queue.
        let kept = buckets
            .entry(name.clone())
            .or_insert_with(|| backing.clone());
        if kept.is_doubtful() {
            *kept = backing;
        }
        Ok(kept.clone())
    }

    /// The copy of a bucket, begun with the first one who asks. Keywell's own buckets have none:
    /// processes coordinate by them, so they read the latest.
    fn copy(
        &self,
        native: &BucketName,
        stream: &Stream,
        is_reserved: bool,
    ) -> Option<Arc<NearCache>> {
        let JetStreamOptions {
            cache, cache_bytes, ..
        } = self.options;
        let caching = if is_reserved { Caching::Off } else { cache };
        let mut copies = self.copies.lock();
        let copy = copies.entry(native.clone()).or_insert_with(|| {
            NearCache::start(&self.api, stream, caching, cache_bytes).map(Arc::new)
        });
        copy.clone()
    }

    async fn names(&self) -> Result<Vec<BucketName>> {
        let mut names = Vec::new();
        let mut offset = 0;
        loop {
            let request = json!({ "subject": "$KV.>", "offset": offset });
            let page: Streams = self.api.ask("STREAM.NAMES", &request).await?;
            let streams = page.streams.unwrap_or_default();
            offset += streams.len();
            for stream in &streams {
                names.extend(stream::bucket_of(&self.api, stream).await);
            }
            if streams.is_empty() || offset >= page.total {
                return Ok(names);
            }
        }
    }

    /// The stream of a bucket that is there.
    async fn existing(&self, native: &BucketName) -> Result<Stream> {
        let mut wanted = self.options.wanted();
        wanted.is_created = false;
        Stream::open(&self.api, native, &wanted).await
    }

    async fn inhabited(&self) -> Result<Vec<BucketName>> {
        let default = self.native(&BucketName::default())?;
        let mut inhabited = Vec::new();
        for name in self.names().await? {
            let Ok(stream) = self.existing(&name).await else {
                // One of another kind, or gone by now.
                continue;
            };
            if listing::empty_up_to(&self.api, &stream).await?.is_none() {
                let is_default = name == default;
                inhabited.push(if is_default {
                    BucketName::default()
                } else {
                    name
                });
            }
        }
        inhabited.sort_unstable();
        inhabited.dedup();
        Ok(inhabited)
    }

    async fn forget(&self, name: &BucketName) -> Result<()> {
        let native = self.native(name)?;
        let stream = match self.existing(&native).await {
            Err(Error::NoSuchBucket(_)) => return Ok(()),
            stream => stream?,
        };
        let Some(upto) = listing::empty_up_to(&self.api, &stream).await? else {
            return Ok(());
        };
        // The stream stays, so that no version is used again; so does what was written meanwhile.
        let purge = format!("STREAM.PURGE.{}", stream.names.stream());
        let Purged {} = self.api.ask(&purge, &json!({ "seq": upto + 1 })).await?;
        Ok(())
    }
}

impl Store for JetStreamStore {
    fn id(&self) -> Option<StoreId> {
        Some(self.0.id)
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        let (store, name) = (self.0.clone(), name.clone());
        Answer::later(async move {
            let backing = store.backing(&name).await?;
            let native = store.native(&name)?;
            let copy = store.copies.lock().get(&native).cloned().flatten();
            let bucket = JetStreamBucket {
                store: store.id,
                name,
                backing,
            };
            Ok(match copy {
                Some(copy) => Arc::new(NearBucket::new(bucket, copy)) as Arc<dyn Bucket>,
                None => Arc::new(bucket),
            })
        })
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        let store = self.0.clone();
        Answer::later(async move {
            let checked = checks.iter().map(|check| &check.bucket);
            let mut buckets = checked.chain(writes.iter().map(|write| &write.bucket));
            let Some(bucket) = buckets.next() else {
                return Ok(Transacted::Done(Vec::new()));
            };
            let backing = store.backing(bucket).await?;
            transact::check(&backing, &checks, &writes)?;
            let transacted = transact::run(&backing, &checks, &writes).await;
            if let Some(copy) = &backing.copy {
                let checked = checks.iter().map(|check| &*check.key);
                let keys = checked.chain(writes.iter().map(|write| &*write.key));
                behind::catch_up(&backing, copy, &transacted, keys).await?;
            }
            transacted
        })
    }

    fn buckets(&self) -> Answer<Vec<BucketName>> {
        let store = self.0.clone();
        Answer::later(async move { store.inhabited().await })
    }

    fn forget(&self, name: &BucketName) -> Answer<()> {
        let (store, name) = (self.0.clone(), name.clone());
        Answer::later(async move { store.forget(&name).await })
    }

    fn description(&self, name: &BucketName) -> Answer<Option<String>> {
        let (store, name) = (self.0.clone(), name.clone());
        Answer::later(async move {
            let (replicas, storage) = match store.existing(&store.native(&name)?).await {
                Ok(stream) => (stream.replicas, stream.storage),
                // As it will be created.
                Err(Error::NoSuchBucket(_)) => {
                    let wanted = store.options.wanted();
                    let storage = wanted.storage.unwrap_or(Storage::File);
                    (wanted.replicas.unwrap_or(1), storage)
                }
                Err(error) => return Err(error),
            };
            let replicas = match replicas {
                1 => "1 replica".to_owned(),
                replicas => format!("{replicas} replicas"),
            };
            Ok(Some(format!("{replicas}, storage: {storage}")))
        })
    }

    fn health(&self) -> Answer<()> {
        let store = self.0.clone();
        Answer::later(async move { Ok(store.api.account().await.map(drop)?) })
    }

    fn close(&self) -> Answer<()> {
        self.0.api.close();
        Answer::now(())
    }
}

impl fmt::Debug for JetStreamStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStreamStore")
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}
