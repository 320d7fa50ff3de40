use std::sync::Arc;

use super::turns::Turns;
use crate::{
    Answer, Bucket, BucketName, Check, Maintenance, Promptness, Store, StoreId, Transacted, Write,
};

/// A store with a layer around each of its buckets. Everything else is the store's own.
///
/// ```
/// use std::sync::Arc;
/// use keywell_store::layer::{Layered, Metered, Meters};
/// # use keywell_store::Store;
/// # fn example(store: Arc<dyn Store>) {
/// let meters = Arc::new(Meters::default());
/// let metered = Layered::new(store, move |name, bucket| {
///     Arc::new(Metered::new(bucket, meters.of("cache", name)))
/// });
/// # }
/// ```
pub struct Layered {
    inner: Arc<dyn Store>,
    layer: Arc<Layer>,
    is_late: bool,
}

type Layer = dyn Fn(&BucketName, Arc<dyn Bucket>) -> Arc<dyn Bucket> + Send + Sync;

// === impl Layered ===

impl Layered {
    /// Puts a layer around buckets, for one that answers at once where the bucket does.
    pub fn new(
        inner: Arc<dyn Store>,
        layer: impl Fn(&BucketName, Arc<dyn Bucket>) -> Arc<dyn Bucket> + Send + Sync + 'static,
    ) -> Self {
        Self {
            inner,
            layer: Arc::new(layer),
            is_late: false,
        }
    }

    /// As [`new`](Self::new), for a layer that answers later, such as [`Faulty`](super::Faulty).
    /// Opening a bucket answers later, too.
    pub fn late(
        inner: Arc<dyn Store>,
        layer: impl Fn(&BucketName, Arc<dyn Bucket>) -> Arc<dyn Bucket> + Send + Sync + 'static,
    ) -> Self {
        Self {
            is_late: true,
            ..Self::new(inner, layer)
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Layered {
    fn promptness(&self) -> Promptness {
        if self.is_late {
            Promptness::Waits
        } else {
            self.inner.promptness()
        }
    }

    fn is_exclusive(&self) -> bool {
        self.inner.is_exclusive()
    }

    fn id(&self) -> Option<StoreId> {
        self.inner.id()
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        let opened = self.inner.open(name);
        let (layer, name) = (self.layer.clone(), name.clone());
        let layered = opened.map(move |bucket| layer(&name, bucket));
        if !self.is_late {
            return layered;
        }
        Answer::later(async move {
            Turns::new(1).await;
            layered.await
        })
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        self.inner.transact(checks, writes)
    }

    fn buckets(&self) -> Answer<Vec<BucketName>> {
        self.inner.buckets()
    }

    fn forget(&self, name: &BucketName) -> Answer<()> {
        self.inner.forget(name)
    }

    fn description(&self, name: &BucketName) -> Answer<Option<String>> {
        self.inner.description(name)
    }

    fn health(&self) -> Answer<()> {
        self.inner.health()
    }

    fn maintain(&self, task: Maintenance) -> Answer<()> {
        self.inner.maintain(task)
    }

    fn close(&self) -> Answer<()> {
        self.inner.close()
    }
}
