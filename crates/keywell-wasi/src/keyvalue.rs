use std::sync::Arc;

use keywell_store::Entry;
use keywell_store::layer::Limited;
use slab::Slab;
use wasmtime::component::{Resource, ResourceTable};

use crate::budget::Budget;
use crate::error::StoreError;
use crate::grants::Grants;

/// What one instance of a component holds of `wasi:keyvalue`: its open buckets and its pending
/// swaps. Lives in the data of a Wasmtime store. A handle is an index into one of its slabs, not an
/// entry of a `ResourceTable`.
pub struct Keyvalue {
    pub(crate) grants: Arc<Grants>,
    buckets: Slab<Arc<Limited>>,
    swaps: Slab<PendingSwap>,
    limit: HandleLimit,
    budget: Budget,
}

/// How many handles an instance may hold at once, buckets and compare-and-swaps counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandleLimit(pub u32);

/// Gives this crate its part of a Wasmtime store's data.
pub trait KeyvalueView: Send {
    /// The instance's state, to read.
    fn keyvalue(&self) -> &Keyvalue;

    /// The instance's state, to open and close handles.
    fn keyvalue_mut(&mut self) -> &mut Keyvalue;

    /// The table that `wasi:io` of the same linker uses, for generations whose calls return streams
    /// or pollables. Those offered today have none, so embedders may leave it out.
    fn table(&mut self) -> Option<&mut ResourceTable> {
        None
    }
}

/// The resource type `bucket`; its representation is an index into [`Keyvalue::buckets`].
pub(crate) enum BucketHandle {}

/// The resource type `cas`; its representation is an index into [`Keyvalue::swaps`].
pub(crate) enum CasHandle {}

/// A `cas` resource: a key as it was at one instant.
pub(crate) struct PendingSwap {
    pub(crate) bucket: Arc<Limited>,
    pub(crate) key: String,
    pub(crate) read: Option<Entry>,
}

// === impl PendingSwap ===

impl PendingSwap {
    /// What it counts in the budget: key, value, and all else at a flat rate.
    fn bytes(&self) -> usize {
        let value = self.read.as_ref().map_or(0, |entry| entry.value.len());
        128 + self.key.len() + value
    }
}

// === impl HandleLimit ===

impl Default for HandleLimit {
    fn default() -> Self {
        Self(4096)
    }
}

// === impl Keyvalue ===

impl Keyvalue {
    /// State for a new instance, with the usual limit on handles. Allocates nothing until a bucket
    /// is opened.
    pub fn new(grants: Arc<Grants>) -> Self {
        Self::with_limit(grants, HandleLimit::default())
    }

    /// State for a new instance.
    pub fn with_limit(grants: Arc<Grants>, limit: HandleLimit) -> Self {
        Self {
            grants,
            buckets: Slab::new(),
            swaps: Slab::new(),
            limit,
            budget: Budget::default(),
        }
    }

    /// The same state with another budget than the usual one.
    #[must_use]
    pub fn within(self, budget: Budget) -> Self {
        Self { budget, ..self }
    }

    /// What the host may hold for the instance, and holds.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// To charge what else the host holds for the instance.
    pub fn budget_mut(&mut self) -> &mut Budget {
        &mut self.budget
    }

    pub(crate) fn bucket(
        &self,
        handle: &Resource<BucketHandle>,
    ) -> wasmtime::Result<&Arc<Limited>> {
        self.buckets
            .get(handle.rep() as usize)
            .ok_or_else(|| wasmtime::format_err!("a bucket handle outlived its bucket"))
    }

    pub(crate) fn add_bucket(
        &mut self,
        bucket: Arc<Limited>,
    ) -> Result<Resource<BucketHandle>, StoreError> {
        let rep = self.reserve()?.buckets.insert(bucket);
        Ok(Resource::new_own(representation(rep)))
    }

    pub(crate) fn drop_bucket(&mut self, rep: u32) {
        self.buckets.try_remove(rep as usize);
    }

    pub(crate) fn swap(&self, handle: &Resource<CasHandle>) -> wasmtime::Result<&PendingSwap> {
        self.swaps
            .get(handle.rep() as usize)
            .ok_or_else(|| wasmtime::format_err!("a cas handle outlived its key"))
    }

    pub(crate) fn add_swap(
        &mut self,
        swap: PendingSwap,
    ) -> Result<Resource<CasHandle>, StoreError> {
        let bytes = swap.bytes();
        let this = self.reserve()?;
        if let Err(over) = this.budget.charge(bytes) {
            return Err(StoreError::Other(over.to_string()));
        }
        let rep = this.swaps.insert(swap);
        Ok(Resource::new_own(representation(rep)))
    }

    pub(crate) fn take_swap(
        &mut self,
        handle: &Resource<CasHandle>,
    ) -> wasmtime::Result<PendingSwap> {
        let swap = self
            .swaps
            .try_remove(handle.rep() as usize)
            .ok_or_else(|| wasmtime::format_err!("a cas handle outlived its key"))?;
        self.budget.refund(swap.bytes());
        Ok(swap)
    }

    pub(crate) fn drop_swap(&mut self, rep: u32) {
        if let Some(swap) = self.swaps.try_remove(rep as usize) {
            self.budget.refund(swap.bytes());
        }
    }

    fn reserve(&mut self) -> Result<&mut Self, StoreError> {
        let HandleLimit(max) = self.limit;
        if self.buckets.len() + self.swaps.len() >= max as usize {
            return Err(StoreError::Other(format!(
                "at most {max} handles may be open at once"
            )));
        }
        Ok(self)
    }
}

fn representation(index: usize) -> u32 {
    u32::try_from(index).expect("the limit on handles keeps indices within 32 bits")
}
