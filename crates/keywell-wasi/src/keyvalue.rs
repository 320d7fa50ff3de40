use std::sync::Arc;

use keywell_store::{Answer, Entry, Error};
use slab::Slab;
use wasmtime::component::{Resource, ResourceTable};

use crate::budget::Budget;
use crate::chosen::{Chosen, LinkNumber, Linked};
use crate::error::StoreError;
use crate::grants::Grants;
use crate::opened::Opened;
use crate::own::Subscription;

/// What one instance of a component holds of `wasi:keyvalue`: its open buckets, its pending swaps and
/// its subscriptions. Lives in the data of a Wasmtime store. A handle is an index into one of its slabs, not an
/// entry of a `ResourceTable`.
pub struct Keyvalue {
    pub(crate) grants: Arc<Grants>,
    chosen: Chosen,
    buckets: Slab<Arc<Opened>>,
    swaps: Slab<PendingSwap>,
    subscriptions: Slab<Subscription>,
    limit: HandleLimit,
    budget: Budget,
}

/// How many handles an instance may hold at once: buckets, compare-and-swaps and subscriptions, counted
/// together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandleLimit(pub u32);

/// Gives this crate its part of a Wasmtime store's data.
pub trait KeyvalueView: Send {
    /// The instance's state, to read.
    fn keyvalue(&self) -> &Keyvalue;

    /// The instance's state, to open and close handles.
    fn keyvalue_mut(&mut self) -> &mut Keyvalue;

    /// The table that `wasi:io` of the same linker uses, for calls that return pollables. Without
    /// it, `keywell:keyvalue/watch` is unsupported.
    fn table(&mut self) -> Option<&mut ResourceTable> {
        None
    }
}

/// The resource type `bucket`; its representation is an index into [`Keyvalue::buckets`].
pub(crate) enum BucketHandle {}

/// The resource type `cas`; its representation is an index into [`Keyvalue::swaps`].
pub(crate) enum CasHandle {}

/// The resource type `subscription`; its representation is an index into
/// [`Keyvalue::subscriptions`].
pub(crate) enum SubscriptionHandle {}

/// A `cas` resource: a key as it was at one instant.
pub(crate) struct PendingSwap {
    pub(crate) bucket: Arc<Opened>,
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
            chosen: Chosen::default(),
            buckets: Slab::new(),
            swaps: Slab::new(),
            subscriptions: Slab::new(),
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

    /// Whether there is a link of this name for an interface: `wasi:keyvalue/store`, without a version.
    pub fn has_link(&self, interface: &str, name: &str) -> bool {
        let is_linked = Linked::of(interface).is_some() || interface == "wasi:keyvalue/watcher";
        is_linked && self.grants.number(name).is_some()
    }

    /// Has the calls of an interface use the link of a name from now on, or the one without a name.
    /// Where there is no link of the name, they are `access-denied`. Of other interfaces than
    /// `wasi:keyvalue/store`, `atomics` and `batch`, and `keywell:keyvalue/store`, nothing changes.
    ///
    /// Buckets that are open stay on the link by which they were opened. A call of `atomics` or
    /// `batch` with a bucket of another link than theirs goes to the bucket of the same name on their
    /// link: so a component may choose a link for one of them alone, as it can on wasmCloud, whose
    /// buckets are names and have no link.
    pub fn choose_link(&mut self, interface: &str, name: Option<&str>) {
        let link = match name {
            None => LinkNumber::UNNAMED,
            Some(name) => self.grants.number(name).unwrap_or(LinkNumber::ABSENT),
        };
        if let Some(interface) = Linked::of(interface) {
            self.chosen.choose(interface, link);
        }
    }

    /// Opens a bucket by the link that is chosen for `wasi:keyvalue/store`.
    pub(crate) fn open(&self, name: &str) -> Answer<Arc<Opened>> {
        self.open_by(self.chosen.of(Linked::Store), name)
    }

    /// Opens a bucket by the link that is chosen for `keywell:keyvalue/store`.
    pub(crate) fn open_own(&self, name: &str) -> Answer<Arc<Opened>> {
        self.open_by(self.chosen.of(Linked::Own), name)
    }

    /// The bucket of the same name on the link of an interface; none where that is the link of this
    /// bucket.
    #[inline]
    pub(crate) fn elsewhere(
        &self,
        interface: Linked,
        bucket: &Opened,
    ) -> Option<Answer<Arc<Opened>>> {
        let link = self.chosen.of(interface);
        (link != bucket.link).then(|| self.open_by(link, &bucket.name))
    }

    fn open_by(&self, link: LinkNumber, name: &str) -> Answer<Arc<Opened>> {
        if link == LinkNumber::UNNAMED {
            return self.grants.open(name);
        }
        match self.grants.by(link) {
            Some(grants) => grants.open(name),
            None => {
                Error::AccessDenied("there is no link of the name that was chosen".into()).into()
            }
        }
    }

    pub(crate) fn bucket(&self, handle: &Resource<BucketHandle>) -> wasmtime::Result<&Arc<Opened>> {
        self.buckets
            .get(handle.rep() as usize)
            .ok_or_else(|| wasmtime::format_err!("a bucket handle outlived its bucket"))
    }

    pub(crate) fn add_bucket(
        &mut self,
        bucket: Arc<Opened>,
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

    pub(crate) fn subscription(
        &self,
        handle: &Resource<SubscriptionHandle>,
    ) -> wasmtime::Result<&Subscription> {
        self.subscriptions
            .get(handle.rep() as usize)
            .ok_or_else(|| wasmtime::format_err!("a subscription's handle outlived it"))
    }

    pub(crate) fn add_subscription(
        &mut self,
        subscription: Subscription,
    ) -> Result<Resource<SubscriptionHandle>, StoreError> {
        let this = self.reserve()?;
        // What it may read ahead.
        if let Err(over) = this.budget.charge(Subscription::BYTES) {
            return Err(StoreError::Other(over.to_string()));
        }
        let rep = this.subscriptions.insert(subscription);
        Ok(Resource::new_own(representation(rep)))
    }

    pub(crate) fn drop_subscription(&mut self, rep: u32) {
        if let Some(subscription) = self.subscriptions.try_remove(rep as usize) {
            subscription.close();
            self.budget.refund(Subscription::BYTES);
        }
    }

    fn reserve(&mut self) -> Result<&mut Self, StoreError> {
        let HandleLimit(max) = self.limit;
        let held = self.buckets.len() + self.swaps.len() + self.subscriptions.len();
        if held >= max as usize {
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
