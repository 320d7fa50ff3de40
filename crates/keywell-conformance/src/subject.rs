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

use crate::scratch::Scratch;
use crate::trace::Written;

type Opening = Box<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn Store>>> + Send + Sync>;

/// A store that the suite is run against, and where in it the suite may write.
///
/// Each behaviour gets buckets of its own, empty and of names that nobody else has, such as
/// `conformance-8c1f02b7a4d3e695-4`; what it wrote is deleted when it ends, also when it fails.
pub struct Subject {
    store: RwLock<Arc<dyn Store>>,
    place: Place,
    written: Written,
    pub(crate) patience: Duration,
    reopen: Option<Opening>,
    pub(crate) brief: Option<Brief>,
    is_unwatched: AtomicBool,
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

/// Makes stores whose history is so short that a test can outrun it.
pub(crate) struct Brief {
    pub(crate) open: Opening,
    /// How many events are certainly more than the history keeps.
    pub(crate) events: usize,
}

enum Place {
    /// Fresh buckets, all beginning with this.
    Fresh(String, AtomicU64),
    /// This bucket only, which was found empty.
    Given(BucketName),
}

// === impl Subject ===

impl Subject {
    /// A store that opens buckets of any name.
    pub fn new(store: impl Store + 'static) -> Self {
        Self::shared(Arc::new(store))
    }

    /// As [`Subject::new`], for a store that is shared already.
    pub fn shared(store: Arc<dyn Store>) -> Self {
        let run = format!("conformance-{:016x}", rand::random::<u64>());
        Self::at(store, Place::Fresh(run, AtomicU64::new(0)))
    }

    /// A store of which only this bucket may be used, as one with a fixed set of buckets.
    ///
    /// Behaviours about several buckets are skipped. Nobody else may write to it meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::AccessDenied`] if there is anything in it, and [`Error::Unsupported`] if the store
    /// cannot list, so that nobody can know.
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
                    "the bucket {bucket} is not empty, and the suite writes only where nothing \
                     can be lost"
                );
                return Err(Error::AccessDenied(problem.into()));
            }
            if page.cursor.is_none() {
                return Ok(Self::at(store, Place::Given(bucket)));
            }
            request.cursor = page.cursor;
        }
    }

    fn at(store: Arc<dyn Store>, place: Place) -> Self {
        Self {
            store: RwLock::new(store),
            place,
            written: Written::default(),
            patience: Duration::from_mins(2),
            reopen: None,
            brief: None,
            is_unwatched: AtomicBool::new(false),
            kept: Vec::new(),
        }
    }

    /// Says how the store is opened again after it was closed, so that what has to survive a
    /// restart is checked too. The store is closed before this is called, or dropped, so nobody else
    /// should hold it.
    #[must_use]
    pub fn reopening<F, S>(mut self, open: F) -> Self
    where
        F: Fn() -> S + Send + Sync + 'static,
        S: Future<Output = Result<Arc<dyn Store>>> + Send + 'static,
    {
        self.reopen = Some(Box::new(move || open().boxed()));
        self
    }

    /// Says how a store is made that keeps less history than `events` writes, so that watches
    /// which fall behind are checked too. Each has to be a store of its own.
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

    /// Keeps something for as long as the subject: the folder of a store, the handle of a server.
    #[must_use]
    pub fn keeping(mut self, kept: impl Any + Send + Sync) -> Self {
        self.kept.push(Box::new(kept));
        self
    }

    /// How long a behaviour may take, and the store to let go of something. Two minutes unless set.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The store.
    pub fn store(&self) -> Arc<dyn Store> {
        self.store.read().clone()
    }

    /// Finds out whether there is any sense in running the suite: whether the store is there, can
    /// be written to, reads what was written, and can be watched if it declares so.
    ///
    /// A store that declares watching and cannot be watched now, such as a server that emits no
    /// events, is tried in all else: the answer is why, and behaviours about watching are skipped
    /// from then on.
    ///
    /// # Errors
    ///
    /// What the store says, or [`Error::Internal`] if it does not read what it wrote.
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

    /// Whether the store was found not to be watched now.
    pub(crate) fn is_unwatched(&self) -> bool {
        self.is_unwatched.load(Ordering::Relaxed)
    }

    /// Deletes whatever the suite wrote and did not delete yet. Each behaviour does so when it
    /// ends; one that was given up half-way could not.
    pub async fn clean(&self) -> Result<()> {
        let mut outcome = Ok(());
        for (name, keys) in self.written.take() {
            let cleaned = async {
                let bucket = self.store().open(&name).await?;
                let longest = bucket.capabilities().key_bytes;
                let keys: Vec<&str> = keys
                    .iter()
                    .map(|key| &**key)
                    .filter(|key| !key.is_empty() && key.len() <= longest)
                    .collect();
                for keys in keys.chunks(1000) {
                    if bucket.delete_many(keys).await.is_err() {
                        delete_each(&*bucket, keys).await?;
                    }
                }
                // A bucket that was given is somebody's, with its history.
                if self.has_many_buckets() {
                    self.store().forget(&name).await?;
                }
                Ok(())
            };
            // What can be deleted elsewhere is, though this failed.
            outcome = outcome.and(cleaned.await);
        }
        outcome
    }

    pub(crate) fn scratch(&self) -> Scratch<'_> {
        Scratch::new(self, self.written.clone())
    }

    /// A name for a bucket, shared with nobody if the store may have several.
    pub(crate) fn fresh(&self) -> BucketName {
        match &self.place {
            Place::Fresh(run, next) => {
                let number = next.fetch_add(1, Ordering::Relaxed);
                BucketName::parse(&format!("{run}-{number}")).expect("it is short and plain")
            }
            Place::Given(name) => name.clone(),
        }
    }

    pub(crate) fn has_many_buckets(&self) -> bool {
        matches!(self.place, Place::Fresh(..))
    }

    pub(crate) fn survives(&self, durability: Durability) -> bool {
        self.reopen.is_some() && durability >= Durability::Process
    }

    /// Drops the store and opens it again, if nobody else has it; closes it before, otherwise.
    pub(crate) async fn abandon(&self) -> Result<()> {
        let mut store = std::mem::replace(&mut *self.store.write(), Arc::new(Nowhere));
        if Arc::get_mut(&mut store).is_none() {
            store.close().await?;
        }
        // It may wait for threads of its own.
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

/// In place of a store that is dropped and not yet opened again.
struct Nowhere;

impl Store for Nowhere {
    fn open(&self, _: &BucketName) -> Answer<Arc<dyn Bucket>> {
        Error::Unavailable("the store was dropped, and could not be opened again".into()).into()
    }
}

async fn delete_each(bucket: &dyn Bucket, keys: &[&str]) -> Result<()> {
    for key in keys {
        bucket.delete(key).await?;
    }
    Ok(())
}
