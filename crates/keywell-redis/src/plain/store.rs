use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keywell_store::{
    Answer, Bucket, BucketName, Check, Error, Result, Store, StoreId, Transacted, Write,
};

use super::bucket::PlainBucket;
use super::fenced::Fenced;
use super::listing;
use super::names::Keys;
use super::transact;
use super::windows::Windows;
use crate::link::Link;
use crate::options::Options;
use crate::watch::Hub;

/// A store of the plain or the flat layout.
#[derive(Clone)]
pub(crate) struct PlainStore(Arc<Inner>);

struct Inner {
    id: StoreId,
    link: Link,
    /// What names begin with in the flat layout; none in the plain one.
    flat: Option<Arc<str>>,
    hub: Option<Arc<Hub>>,
    windows: Arc<Windows>,
    is_closed: AtomicBool,
}

// === impl PlainStore ===

impl PlainStore {
    pub(crate) fn new(link: Link, options: &Options) -> Self {
        let hub = options.watch.then(|| Hub::new(link.clone(), options));
        Self(Arc::new(Inner {
            id: StoreId::unique(),
            link,
            flat: options.prefix.as_deref().map(Arc::from),
            hub,
            windows: Arc::default(),
            is_closed: AtomicBool::new(false),
        }))
    }

    fn check_open(&self) -> Result<()> {
        if self.0.is_closed.load(Ordering::Relaxed) {
            return Err(Error::Unavailable("the store is closed".into()));
        }
        Ok(())
    }

    fn keys(&self, name: &BucketName) -> Result<Keys> {
        self.check_open()?;
        Keys::new(name, self.0.flat.as_deref())
    }
}

impl Store for PlainStore {
    fn id(&self) -> Option<StoreId> {
        Some(self.0.id)
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        let keys = match self.keys(name) {
            Ok(keys) => keys,
            Err(error) => return error.into(),
        };
        let (link, hub) = (self.0.link.clone(), self.0.hub.clone());
        let windows = self.0.windows.clone();
        let has_reserved = keys.has_reserved();
        let bucket = PlainBucket::new(self.0.id, link, keys, windows, hub);
        Answer::now(if has_reserved {
            Arc::new(Fenced::new(bucket))
        } else {
            Arc::new(bucket)
        })
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        if let Err(error) = self.check_open() {
            return error.into();
        }
        let (link, flat) = (self.0.link.clone(), self.0.flat.as_deref());
        transact::run(link, flat, &checks, writes)
    }

    /// Goes through all keys of the database. Any string whose name is a bucket's, a colon and a key
    /// is a key of that bucket. In the flat layout there are the default bucket and
    /// the reserved ones.
    fn buckets(&self) -> Answer<Vec<BucketName>> {
        if let Err(error) = self.check_open() {
            return error.into();
        }
        let (link, flat) = (self.0.link.clone(), self.0.flat.clone());
        Answer::later(async move {
            match flat {
                None => listing::names_of_buckets(&link).await,
                Some(prefix) => listing::names_of_flat_buckets(&link, &prefix).await,
            }
        })
    }

    /// Asks every primary whether it is there and whether it is one.
    fn health(&self) -> Answer<()> {
        if let Err(error) = self.check_open() {
            return error.into();
        }
        let link = self.0.link.clone();
        Answer::later(async move { link.health().await })
    }

    /// Ends the watches too. A connection that other stores share goes on for them.
    fn close(&self) -> Answer<()> {
        let store = self.clone();
        Answer::later(async move {
            store.0.is_closed.store(true, Ordering::Relaxed);
            if let Some(hub) = &store.0.hub {
                hub.close();
            }
            store.0.link.close().await;
            Ok(())
        })
    }
}
