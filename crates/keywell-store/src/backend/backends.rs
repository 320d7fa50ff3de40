use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;

use super::bucket::check_change;
use super::gate::{Gate, InFlight};
use super::{Backend, BackendBucket};
use crate::{Action, Answer, Bucket, BucketName, Check, Result, StoreId, Write};

/// The backends of the buckets that a store has opened.
pub struct Backends<B> {
    store: StoreId,
    make: Box<dyn Fn(&BucketName) -> B + Send + Sync>,
    open: Mutex<HashMap<BucketName, Arc<B>>>,
    gate: Arc<Gate>,
}

/// Backends by the names of their buckets.
pub type Named<B> = BTreeMap<BucketName, Arc<B>>;

// === impl Backends ===

impl<B: Backend> Backends<B> {
    /// Those of a new store; `make` makes one.
    pub fn new(make: impl Fn(&BucketName) -> B + Send + Sync + 'static) -> Self {
        Self {
            store: StoreId::unique(),
            make: Box::new(make),
            open: Mutex::default(),
            gate: Arc::new(Gate::new()),
        }
    }

    /// The identity of the store.
    pub fn store(&self) -> StoreId {
        self.store
    }

    /// The backend of a bucket, the same each time.
    pub fn of(&self, name: &BucketName) -> Arc<B> {
        let mut open = self.open.lock();
        let backend = open.entry(name.clone());
        backend
            .or_insert_with(|| Arc::new((self.make)(name)))
            .clone()
    }

    /// Opens a bucket, for [`Store::open`](crate::Store::open).
    pub fn bucket(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        let bucket = BackendBucket::new(self.store, name.clone(), self.of(name), self.gate.clone());
        Answer::now(Arc::new(bucket))
    }

    /// Begins a write that is no call of a bucket.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`](crate::Error::Unavailable) once the store is closed.
    pub fn enter(&self) -> Result<InFlight> {
        self.gate.enter()
    }

    /// Begins no other write, and waits for those in flight, for [`Store::close`](crate::Store::close).
    pub fn close(&self) -> impl Future<Output = ()> + Send + use<B> {
        self.gate.close()
    }

    /// The backends of a transaction, for [`Store::transact`](crate::Store::transact), once its
    /// shape is checked, and each key, value and time to live as a call of its own would.
    ///
    /// # Errors
    ///
    /// As [`Transacting::check`](crate::Transacting::check), and those of the calls.
    pub fn transacting(&self, checks: &[Check], writes: &[Write]) -> Result<Named<B>> {
        let names = checks.iter().map(|check| &check.bucket);
        let names = names.chain(writes.iter().map(|write| &write.bucket));
        let backends: Named<B> = names.map(|name| (name.clone(), self.of(name))).collect();
        if let Some(any) = backends.values().next() {
            any.capabilities().transact.check(checks, writes)?;
        }
        for check in checks {
            backends[&check.bucket].check_key(&check.key)?;
        }
        for write in writes {
            let backend = &*backends[&write.bucket];
            match &write.action {
                Action::Change(change) => check_change(backend, &write.key, change)?,
                Action::Increment(_) => backend.check_key(&write.key)?,
            }
        }
        Ok(backends)
    }
}
