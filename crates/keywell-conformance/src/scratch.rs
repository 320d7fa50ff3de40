use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keywell_store::layer::{Limited, Limits};
use keywell_store::{
    Bucket, BucketName, Error, List, Result, Set, Store, Transacted, Transaction, Version,
};

use crate::failure::{Failure, Verdict};
use crate::recorded::Recorded;
use crate::subject::Subject;
use crate::trace::{Trace, Written};

/// The buckets of one run of one behaviour, and its trace.
pub(crate) struct Scratch<'a> {
    pub(crate) subject: &'a Subject,
    home: BucketName,
    trace: Trace,
    written: Written,
}

/// A bucket behind the limits of hosts, whose calls are recorded.
pub(crate) type Handle = Arc<dyn Bucket>;

// === impl Scratch ===

impl<'a> Scratch<'a> {
    pub(crate) fn new(subject: &'a Subject) -> Self {
        Self {
            subject,
            home: subject.fresh(),
            trace: Trace::default(),
            written: subject.written.clone(),
        }
    }

    /// A new handle on the bucket of this behaviour.
    pub(crate) async fn bucket(&self) -> Result<Handle, Failure> {
        self.handle(&*self.subject.store(), &self.home, "").await
    }

    /// A handle on the bucket of this behaviour without the limits of hosts, so that the store itself
    /// must refuse what it cannot hold.
    pub(crate) async fn bare(&self) -> Result<Handle, Failure> {
        let inner = self.subject.store().open(&self.home).await?;
        self.written.touch(&self.home);
        let label = "the store itself";
        Ok(self.recorded(inner, &self.home, label, self.written.clone()))
    }

    /// A handle on another bucket, whose name is that of this behaviour's bucket with this suffix.
    pub(crate) async fn beside(&self, suffix: &str) -> Result<Handle, Failure> {
        let name = self.name(suffix)?;
        self.handle(&*self.subject.store(), &name, suffix).await
    }

    pub(crate) fn name(&self, suffix: &str) -> Result<BucketName, Failure> {
        Ok(BucketName::parse(&format!("{}{suffix}", self.home))?)
    }

    /// A bucket of a store with little history, and a number of events that exceeds it.
    pub(crate) async fn brief(&self) -> Result<(Handle, usize), Failure> {
        let brief = self.subject.brief.as_ref();
        let brief = brief.expect("a behaviour that needs it is run where there is one");
        let store = (brief.open)().await?;
        // No other behaviour uses the store, so its keys need not be deleted.
        let discarded = Written::default();
        let label = "a store of little history";
        let bucket = self.limited(&*store, &self.home, label, discarded).await?;
        Ok((bucket, brief.events))
    }

    /// Drops the store without closing it, opens it again, and opens the bucket of this behaviour. The
    /// caller must hold no handle.
    pub(crate) async fn abandon(&self) -> Result<Handle, Failure> {
        self.subject.abandon().await?;
        self.note("the store is dropped and opened again");
        self.bucket().await
    }

    /// Closes the store, opens it again, and opens the bucket of this behaviour.
    pub(crate) async fn restart(&self) -> Result<Handle, Failure> {
        self.subject.restart().await?;
        self.note("the store is closed and opened again");
        self.bucket().await
    }

    /// Runs a transaction in the store.
    pub(crate) async fn transact(&self, transaction: Transaction) -> Result<Transacted> {
        let asked = format!("{transaction:?}");
        let store = self.subject.store();
        self.trace.record(asked, transaction.run(&*store)).await
    }

    pub(crate) fn note(&self, step: impl Into<String>) {
        self.trace.note(step.into());
    }

    pub(crate) fn steps(&self) -> (usize, Vec<String>) {
        self.trace.steps()
    }

    /// Polls a condition until it holds; fails after [`Scratch::patience`].
    pub(crate) async fn until<F>(&self, promise: &str, mut ask: impl FnMut() -> F) -> Verdict
    where
        F: Future<Output = Result<bool, Failure>>,
    {
        let asking = async {
            // Not more often: the store may have other users.
            let mut next = tokio::time::interval(Duration::from_millis(2));
            loop {
                next.tick().await;
                if ask().await? {
                    return Ok(());
                }
            }
        };
        let patience = self.patience();
        match tokio::time::timeout(patience, asking).await {
            Ok(verdict) => verdict,
            Err(_) => Err(Failure::new(
                format!("not within {patience:?}"),
                promise.to_owned(),
            )),
        }
    }

    /// The timeout of one wait. It is well below that of the behaviour, so that the failure names what
    /// did not happen.
    pub(crate) fn patience(&self) -> Duration {
        self.subject.patience / 4
    }

    async fn handle(
        &self,
        store: &dyn Store,
        name: &BucketName,
        label: &str,
    ) -> Result<Handle, Failure> {
        self.limited(store, name, label, self.written.clone()).await
    }

    async fn limited(
        &self,
        store: &dyn Store,
        name: &BucketName,
        label: &str,
        written: Written,
    ) -> Result<Handle, Failure> {
        let inner = store.open(name).await?;
        written.touch(name);
        let inner = Arc::new(Limited::new(inner, Limits::default()));
        Ok(self.recorded(inner, name, label, written))
    }

    fn recorded(&self, inner: Handle, name: &BucketName, label: &str, written: Written) -> Handle {
        Arc::new(Recorded {
            inner,
            name: name.clone(),
            label: label.to_owned(),
            trace: self.trace.clone(),
            written,
        })
    }
}

impl fmt::Debug for Scratch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch")
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}

/// Sets a value without a time to live.
pub(crate) async fn set(
    bucket: &Handle,
    key: &str,
    value: impl AsRef<[u8]>,
) -> Result<Version, Error> {
    let value = Bytes::copy_from_slice(value.as_ref());
    bucket.set(key, value, Set::default()).await
}

/// Sets a value with a time to live.
pub(crate) async fn set_for(
    bucket: &Handle,
    key: &str,
    value: impl AsRef<[u8]>,
    ttl: Duration,
) -> Result<Version, Error> {
    let value = Bytes::copy_from_slice(value.as_ref());
    bucket.set(key, value, Set { ttl: Some(ttl) }).await
}

/// The value of a key.
pub(crate) async fn value(bucket: &Handle, key: &str) -> Result<Option<Bytes>, Error> {
    Ok(bucket.get(key).await?.map(|entry| entry.value))
}

/// Sets each key to a value equal to the key.
pub(crate) async fn fill<K: AsRef<str>>(bucket: &Handle, keys: &[K]) -> Result<(), Error> {
    let entries = keys.iter().map(AsRef::as_ref);
    let entries = entries.map(|key| (key, Bytes::copy_from_slice(key.as_bytes())));
    set_all(bucket, entries).await
}

/// Sets keys, in batches of at most 1000 keys that the bucket takes.
pub(crate) async fn set_all<'a>(
    bucket: &Handle,
    entries: impl Iterator<Item = (&'a str, Bytes)>,
) -> Result<(), Error> {
    let longest = longest_batch(bucket);
    let largest = bucket.capabilities().batch_bytes;
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for (key, value) in entries {
        let more = key.len() + value.len();
        let is_full = batch.len() == longest || bytes + more > largest;
        if is_full && !batch.is_empty() {
            bucket.set_many(std::mem::take(&mut batch)).await?;
            bytes = 0;
        }
        bytes += more;
        batch.push((key, value));
    }
    bucket.set_many(batch).await
}

/// How many keys the suite reads or deletes at once: at most 1000, and what the bucket takes.
pub(crate) fn longest_batch(bucket: &Handle) -> usize {
    bucket.capabilities().batch_keys.clamp(1, 1000)
}

/// All keys with this prefix, in the order listed, read in pages of `limit`.
pub(crate) async fn keys(
    bucket: &Handle,
    prefix: &str,
    limit: usize,
) -> Result<Vec<String>, Failure> {
    let mut request = List {
        prefix: prefix.to_owned(),
        limit,
        ..List::default()
    };
    let mut keys = Vec::new();
    // A cursor that does not advance would repeat for ever.
    let mut cursors = BTreeMap::new();
    loop {
        let page = bucket.list(request.clone()).await?;
        keys.extend(page.keys);
        let Some(cursor) = page.cursor else {
            return Ok(keys);
        };
        if let Some(seen) = cursors.insert(cursor.as_str().to_owned(), keys.len()) {
            let answered = format!("the cursor of {seen} keys earlier, again");
            return Err(Failure::new(
                answered,
                "each page goes on after the one before it",
            ));
        }
        request.cursor = Some(cursor);
    }
}
