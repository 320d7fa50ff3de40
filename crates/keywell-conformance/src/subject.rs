use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use keywell_store::{
    Answer, Bucket, BucketName, Durability, Error, Filter, List, Listing, Result, Set, Since,
    Store, Watching,
};
use parking_lot::RwLock;

use crate::trace::Written;

type Opening = Box<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn Store>>> + Send + Sync>;

/// A store under test, and the buckets in which the suite may write.
///
/// Each behaviour gets empty buckets with unique names, such as `conformance-8c1f02b7a4d3e695-4`.
/// What it wrote is deleted when it ends, also when it fails.
pub struct Subject {
    store: RwLock<Arc<dyn Store>>,
    buckets: Buckets,
    pub(crate) written: Written,
    pub(crate) patience: Duration,
    pub(crate) very_many: usize,
    reopen: Option<Opening>,
    pub(crate) brief: Option<Brief>,
    is_unwatched: AtomicBool,
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

/// Creates stores with a history so short that a test can exceed it.
pub(crate) struct Brief {
    pub(crate) open: Opening,
    /// A number of events that exceeds the history.
    pub(crate) events: usize,
}

/// The buckets that the suite may use.
enum Buckets {
    /// New buckets with this prefix, numbered.
    New(String, AtomicU64),
    /// This bucket only, which was empty at first.
    One(BucketName),
}

// === impl Subject ===

impl Subject {
    /// As many keys as a listing has that is very long, unless it is said.
    const VERY_MANY: usize = 20_000;

    /// A store that opens buckets of any name.
    pub fn new(store: impl Store + 'static) -> Self {
        Self::shared(Arc::new(store))
    }

    /// As [`Subject::new`], for a store that is shared already.
    pub fn shared(store: Arc<dyn Store>) -> Self {
        let run = format!("conformance-{:016x}", rand::random::<u64>());
        Self::within_buckets(store, Buckets::New(run, AtomicU64::new(0)))
    }

    /// A store in which the suite uses only this bucket, for example one with a fixed set of buckets.
    ///
    /// Behaviours that need several buckets are skipped. No other client may write to the bucket
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::AccessDenied`] if the bucket is not empty, and [`Error::Unsupported`] if the store
    /// cannot list its keys.
    pub async fn within(store: Arc<dyn Store>, bucket: BucketName) -> Result<Self> {
        let opened = store.open(&bucket).await?;
        if opened.capabilities().list == Listing::None {
            return Err(Error::Unsupported(
                "a listing that could show that the bucket is empty",
            ));
        }
        let mut request = List::default();
        loop {
            let page = opened.list(request.clone()).await?;
            if !page.keys.is_empty() {
                let problem = format!(
                    "the bucket {bucket} is not empty: choose an empty one, as the suite deletes keys"
                );
                return Err(Error::AccessDenied(problem.into()));
            }
            if page.cursor.is_none() {
                return Ok(Self::within_buckets(store, Buckets::One(bucket)));
            }
            request.cursor = page.cursor;
        }
    }

    fn within_buckets(store: Arc<dyn Store>, buckets: Buckets) -> Self {
        Self {
            store: RwLock::new(store),
            buckets,
            written: Written::default(),
            patience: Duration::from_mins(2),
            very_many: Self::VERY_MANY,
            reopen: None,
            brief: None,
            is_unwatched: AtomicBool::new(false),
            kept: Vec::new(),
        }
    }

    /// Sets how to open the store again, so that the suite can check behaviours across restarts. The
    /// suite closes or drops the store first, so the caller should hold no other reference to it.
    #[must_use]
    pub fn reopening<F, S>(mut self, open: F) -> Self
    where
        F: Fn() -> S + Send + Sync + 'static,
        S: Future<Output = Result<Arc<dyn Store>>> + Send + 'static,
    {
        self.reopen = Some(Box::new(move || open().boxed()));
        self
    }

    /// Sets how to create a store that keeps less history than `events` writes, so that the suite can
    /// check watches that fall behind. Each call must create a separate store.
    #[must_use]
    pub fn with_brief_history<F, S>(mut self, events: usize, open: F) -> Self
    where
        F: Fn() -> S + Send + Sync + 'static,
        S: Future<Output = Result<Arc<dyn Store>>> + Send + 'static,
    {
        let open: Opening = Box::new(move || open().boxed());
        self.brief = Some(Brief { open, events });
        self
    }

    /// Sets how many keys a very long listing has, instead of 20,000, for a server whose time for a
    /// write or a page grows with the bucket, as that of emulators does.
    #[must_use]
    pub fn very_many(mut self, keys: usize) -> Self {
        self.very_many = keys;
        self
    }

    /// Keeps a value for as long as the subject, such as the folder of a store or the handle of a
    /// server.
    #[must_use]
    pub fn keeping(mut self, kept: impl Any + Send + Sync) -> Self {
        self.kept.push(Box::new(kept));
        self
    }

    /// How long a behaviour may take. Two minutes unless set.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The store.
    pub fn store(&self) -> Arc<dyn Store> {
        self.store.read().clone()
    }

    /// Checks that the store is healthy, writes, reads what it wrote and, if it declares so, can be
    /// watched.
    ///
    /// A store that declares watching may be unable to watch now, such as a server that emits no
    /// events. The reason is returned, and the suite skips behaviours of watches from then on.
    ///
    /// # Errors
    ///
    /// Errors of the store, or [`Error::Internal`] if it does not read what it wrote.
    pub async fn preflight(&self) -> Result<Option<Error>> {
        const KEY: &str = "conformance-probe";
        self.store().health().await?;
        let name = self.fresh();
        let bucket = self.store().open(&name).await?;
        bucket.set(KEY, KEY.into(), Set::default()).await?;
        let read = bucket.get(KEY).await;
        bucket.delete(KEY).await?;
        if read?.is_none_or(|entry| entry.value != KEY) {
            let problem = "the store does not read back what was just written to it";
            return Err(Error::Internal(problem.into()));
        }
        let mut unwatched = None;
        if bucket.capabilities().watch != Watching::None {
            match bucket.watch(Filter::All, Since::Now).await {
                Ok(watch) => drop(watch),
                Err(error @ Error::Unavailable(_)) => {
                    self.is_unwatched.store(true, Ordering::Relaxed);
                    unwatched = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        if self.has_many_buckets() {
            self.store().forget(&name).await?;
        }
        Ok(unwatched)
    }

    /// Whether [`Subject::preflight`] found that the store cannot be watched now.
    pub(crate) fn is_unwatched(&self) -> bool {
        self.is_unwatched.load(Ordering::Relaxed)
    }

    /// Deletes what the suite wrote and has not deleted yet. Each behaviour does so when it ends; this
    /// is for one that was cancelled.
    pub async fn clean(&self) -> Result<()> {
        let mut outcome = Ok(());
        for (name, keys) in self.written.take() {
            let cleaned = async {
                let bucket = self.store().open(&name).await?;
                let declared = bucket.capabilities();
                let (longest, alphabet) = (declared.key_bytes, declared.alphabet);
                let keys: Vec<&str> = keys
                    .iter()
                    .map(|key| &**key)
                    .filter(|key| !key.is_empty() && key.len() <= longest && alphabet.has(key))
                    .collect();
                for keys in keys.chunks(declared.batch_keys.clamp(1, 1000)) {
                    if bucket.delete_many(keys).await.is_err() {
                        delete_each(&*bucket, keys).await?;
                    }
                }
                // A bucket of the caller keeps its history.
                if self.has_many_buckets() {
                    self.store().forget(&name).await?;
                }
                Ok(())
            };
            // The other buckets are cleaned although this one failed.
            outcome = outcome.and(cleaned.await);
        }
        outcome
    }

    /// A name for a bucket; unique unless the suite may use one bucket only.
    pub(crate) fn fresh(&self) -> BucketName {
        match &self.buckets {
            Buckets::New(run, next) => {
                let number = next.fetch_add(1, Ordering::Relaxed);
                BucketName::parse(&format!("{run}-{number}")).expect("it is short and plain")
            }
            Buckets::One(name) => name.clone(),
        }
    }

    pub(crate) fn has_many_buckets(&self) -> bool {
        matches!(self.buckets, Buckets::New(..))
    }

    pub(crate) fn survives(&self, durability: Durability) -> bool {
        self.reopen.is_some() && durability >= Durability::Process
    }

    /// Drops the store and opens it again. Closes it first if there are other references to it.
    pub(crate) async fn abandon(&self) -> Result<()> {
        let mut store = std::mem::replace(&mut *self.store.write(), Arc::new(Dropped));
        if Arc::get_mut(&mut store).is_none() {
            store.close().await?;
        }
        // Dropping a store may wait for its threads.
        let dropped = tokio::task::spawn_blocking(move || drop(store)).await;
        if let Err(panic) = dropped {
            std::panic::resume_unwind(panic.into_panic());
        }
        self.open_again().await
    }

    /// Closes the store and opens it again.
    pub(crate) async fn restart(&self) -> Result<()> {
        self.store().close().await?;
        self.open_again().await
    }

    pub(crate) async fn open_again(&self) -> Result<()> {
        let open = self.reopen.as_ref();
        let open = open.expect("a behaviour that needs a restart is run where there is one");
        let store = open().await?;
        *self.store.write() = store;
        Ok(())
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").finish_non_exhaustive()
    }
}

/// Stands in for a store that is dropped and not yet opened again.
struct Dropped;

impl Store for Dropped {
    fn open(&self, _: &BucketName) -> Answer<Arc<dyn Bucket>> {
        Error::Unavailable("the store was dropped and could not be opened again".into()).into()
    }
}

async fn delete_each(bucket: &dyn Bucket, keys: &[&str]) -> Result<()> {
    for key in keys {
        bucket.delete(key).await?;
    }
    Ok(())
}
