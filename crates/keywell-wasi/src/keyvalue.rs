use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{Answer, Entry, Error};
use slab::Slab;
use wasmtime::component::{Resource, ResourceTable};

use crate::budget::Budget;
use crate::cache::{Cache, Fill};
use crate::chosen::{Chosen, LinkNumber, Linked};
use crate::grants::Grants;
use crate::opened::Opened;
use crate::own::Subscription;
use crate::spin::Numbers;
use crate::values::{
    ErrorHandle, IncomingHandle, IncomingValue, OutgoingHandle, OutgoingValue, Trace, Values,
};

/// What one instance of a component holds of `wasi:keyvalue` and `keywell:keyvalue`: its open
/// buckets, its pending swaps and subscriptions, its values and errors. Lives in the data of a
/// Wasmtime store. A handle is an index into one of its slabs, not an entry of a `ResourceTable`.
pub struct Keyvalue {
    pub(crate) grants: Arc<Grants>,
    chosen: Chosen,
    buckets: Slab<Arc<Opened>>,
    swaps: Slab<PendingSwap>,
    values: Values,
    /// Made at the first call of `cache`.
    cache: Option<Box<Cache>>,
    subscriptions: Slab<Subscription>,
    numbers: Numbers,
    limit: HandleLimit,
    budget: Budget,
}

/// How many handles an instance may hold at once: buckets, compare-and-swaps, subscriptions, values
/// and errors counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandleLimit(pub u32);

/// Gives this crate its part of a Wasmtime store's data.
pub trait KeyvalueView: Send {
    /// Whether instances are made and called by Wasmtime's async methods whatever their stores are,
    /// as with an async `wasmtime-wasi` in the same linker. A listing of a whole bucket then lets
    /// other tasks run between its pages, also where every store answers at once.
    const HAS_FIBRE: bool = false;

    /// The instance's state, to read.
    fn keyvalue(&self) -> &Keyvalue;

    /// The instance's state, to open and close handles.
    fn keyvalue_mut(&mut self) -> &mut Keyvalue;

    /// The table that `wasi:io` of the same linker uses, for calls that return streams and
    /// pollables. Where there is none, `0.1.0` and the generation without a version answer an error
    /// to them, and the same values can be read and written as bytes; `keywell:keyvalue/watch` is
    /// unsupported.
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
            values: Values::default(),
            cache: None,
            subscriptions: Slab::new(),
            numbers: Numbers::default(),
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

    /// Whether there is a link of this name for an interface: `wasi:keyvalue/store`, without a
    /// version.
    pub fn has_link(&self, interface: &str, name: &str) -> bool {
        let is_linked = Linked::of(interface).is_some() || interface == "wasi:keyvalue/watcher";
        is_linked && self.grants.number(name).is_some()
    }

    /// Has the calls of an interface use the link of a name from now on, or the one without a name.
    /// Where there is no link of the name, they are `access-denied`. Of other interfaces than
    /// `wasi:keyvalue/store`, `atomics` and `batch`, and `keywell:keyvalue/store`, nothing changes.
    ///
    /// Buckets that are open stay on the link by which they were opened. A call of `atomics` or
    /// `batch` with a bucket of another link than theirs goes to the bucket of the same name on
    /// their link: so a component may choose a link for one of them alone, as it can on wasmCloud,
    /// whose buckets are names and have no link.
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
    ) -> Result<Resource<BucketHandle>, Trace> {
        let rep = self.reserve()?.buckets.insert(bucket);
        Ok(Resource::new_own(representation(rep)))
    }

    pub(crate) fn drop_bucket(&mut self, rep: u32) {
        self.buckets.try_remove(rep as usize);
    }

    /// Opens a bucket under a number.
    pub(crate) fn add_numbered(&mut self, bucket: Arc<Opened>) -> Result<u32, Trace> {
        let handle = self.add_bucket(bucket)?;
        Ok(self.numbers.add(handle.rep()))
    }

    /// The bucket that is open under a number.
    pub(crate) fn numbered(&self, number: u32) -> Option<Resource<BucketHandle>> {
        self.numbers.get(number).map(Resource::new_borrow)
    }

    pub(crate) fn drop_numbered(&mut self, number: u32) {
        if let Some(rep) = self.numbers.remove(number) {
            self.drop_bucket(rep);
        }
    }

    pub(crate) fn swap(&self, handle: &Resource<CasHandle>) -> wasmtime::Result<&PendingSwap> {
        self.swaps
            .get(handle.rep() as usize)
            .ok_or_else(|| wasmtime::format_err!("a cas handle outlived its key"))
    }

    pub(crate) fn add_swap(&mut self, swap: PendingSwap) -> Result<Resource<CasHandle>, Trace> {
        let bytes = swap.bytes();
        let this = self.reserve()?;
        this.budget.charge(bytes)?;
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

    /// A new outgoing value. Where there is no room for one, a handle that refuses every use.
    pub(crate) fn new_outgoing(&mut self) -> Resource<OutgoingHandle> {
        self.add_outgoing(|value| value)
    }

    /// A new outgoing value that fills a vacant key.
    pub(crate) fn new_filling(&mut self, fill: Fill) -> Resource<OutgoingHandle> {
        self.add_outgoing(|value| value.filling(fill))
    }

    fn add_outgoing(
        &mut self,
        finish: impl FnOnce(OutgoingValue) -> OutgoingValue,
    ) -> Resource<OutgoingHandle> {
        let charge = self.has_room().then(|| self.budget.hold_nothing());
        let largest = self.grants.largest_value();
        let value = charge.map(|charge| finish(OutgoingValue::new(largest, charge)));
        Resource::new_own(self.values.add_outgoing(value))
    }

    /// An outgoing value, or why there is none: there was no room when it was made.
    pub(crate) fn outgoing(
        &self,
        handle: &Resource<OutgoingHandle>,
    ) -> wasmtime::Result<Result<&OutgoingValue, Trace>> {
        let value = self.values.outgoing(handle.rep())?;
        Ok(value.ok_or_else(|| self.no_room()))
    }

    /// Drops an outgoing value. One that fills a vacant key is stored.
    pub(crate) fn drop_outgoing(&mut self, rep: u32) -> Option<Answer<()>> {
        self.values.remove_outgoing(rep)?.fill()
    }

    /// Keeps a value that was read, until it is consumed or dropped.
    pub(crate) fn add_incoming(&mut self, bytes: Bytes) -> Result<Resource<IncomingHandle>, Trace> {
        let charge = self.budget.hold(bytes.len())?;
        self.keep_incoming(IncomingValue::new(bytes, charge))
    }

    /// Keeps a value that is charged.
    pub(crate) fn keep_incoming(
        &mut self,
        value: IncomingValue,
    ) -> Result<Resource<IncomingHandle>, Trace> {
        if !self.has_room() {
            return Err(self.no_room());
        }
        Ok(Resource::new_own(self.values.add_incoming(value)))
    }

    /// Keeps all of many values, or none.
    pub(crate) fn add_all_incoming(
        &mut self,
        values: Vec<Option<Bytes>>,
    ) -> Result<Vec<Option<Resource<IncomingHandle>>>, Trace> {
        let mut added = Vec::with_capacity(values.len());
        for value in values {
            match value.map(|bytes| self.add_incoming(bytes)).transpose() {
                Ok(value) => added.push(value),
                Err(trace) => {
                    for value in added.iter().flatten() {
                        self.drop_incoming(value.rep());
                    }
                    return Err(trace);
                }
            }
        }
        Ok(added)
    }

    pub(crate) fn incoming(
        &mut self,
        handle: &Resource<IncomingHandle>,
    ) -> wasmtime::Result<&mut IncomingValue> {
        self.values.incoming(handle.rep())
    }

    pub(crate) fn drop_incoming(&mut self, rep: u32) {
        self.values.drop_incoming(rep);
    }

    /// An `error` with a trace. Where there is no room for one, an error that says so.
    pub(crate) fn add_trace(&mut self, trace: Trace) -> Resource<ErrorHandle> {
        let needs_no_room = trace == Trace::NOT_FOUND;
        let trace = (needs_no_room || self.has_room()).then_some(trace);
        Resource::new_own(self.values.add_trace(trace))
    }

    pub(crate) fn trace(&self, handle: &Resource<ErrorHandle>) -> wasmtime::Result<Trace> {
        let trace = self.values.trace(handle.rep())?;
        Ok(trace.unwrap_or_else(|| self.no_room()))
    }

    pub(crate) fn drop_trace(&mut self, rep: u32) {
        self.values.drop_trace(rep);
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
    ) -> Result<Resource<SubscriptionHandle>, Trace> {
        let this = self.reserve()?;
        // What it may read ahead.
        this.budget.charge(Subscription::BYTES)?;
        let rep = this.subscriptions.insert(subscription);
        Ok(Resource::new_own(representation(rep)))
    }

    pub(crate) fn drop_subscription(&mut self, rep: u32) {
        if let Some(subscription) = self.subscriptions.try_remove(rep as usize) {
            subscription.close();
            self.budget.refund(Subscription::BYTES);
        }
    }

    fn reserve(&mut self) -> Result<&mut Self, Trace> {
        if !self.has_room() {
            return Err(self.no_room());
        }
        Ok(self)
    }

    /// Whether it has the turn to fill a vacant key of a cache, or waits for one. Others wait for it,
    /// so such an instance is to be dropped when its call has ended, and not to be kept for another.
    pub fn is_filling(&self) -> bool {
        let cache = self.cache.as_ref();
        cache.is_some_and(|cache| cache.is_filling() || self.values.is_filling())
    }

    /// What the instance holds of `cache`.
    pub(crate) fn cache_mut(&mut self) -> &mut Cache {
        self.cache.get_or_insert_default()
    }

    pub(crate) fn has_room(&self) -> bool {
        let HandleLimit(max) = self.limit;
        let cache = self.cache.as_ref().map_or(0, |cache| cache.len());
        let held = self.values.len() + self.subscriptions.len() + cache;
        let open = self.buckets.len() + self.swaps.len() + held;
        open < max as usize
    }

    /// What an error says that there was no room for another handle.
    pub(crate) fn no_room(&self) -> Trace {
        let HandleLimit(max) = self.limit;
        Trace(format!("at most {max} handles may be open at once").into())
    }
}

fn representation(index: usize) -> u32 {
    u32::try_from(index).expect("the limit on handles keeps indices within 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_no_handle_is_left_an_error_or_a_value_that_refuses_every_use_is_answered() {
        let limit = HandleLimit(2);
        let mut keyvalue = Keyvalue::with_limit(Arc::new(Grants::none()), limit);
        let value = keyvalue.new_outgoing();
        let trace = Trace("a defect".into());
        let error = keyvalue.add_trace(trace.clone());
        assert_eq!(keyvalue.trace(&error).unwrap(), trace);

        let refused = keyvalue.new_outgoing();
        let full = keyvalue.outgoing(&refused).unwrap().err().unwrap();
        assert!(full.0.contains("at most 2 handles"), "{full:?}");
        assert_eq!(keyvalue.add_incoming("v".into()).err(), Some(full.clone()));
        let other = keyvalue.add_trace(trace);
        assert_eq!(keyvalue.trace(&other).unwrap(), full);
        let missing = keyvalue.add_trace(Trace::NOT_FOUND);
        assert_eq!(keyvalue.trace(&missing).unwrap(), Trace::NOT_FOUND);

        for rep in [other.rep(), missing.rep(), error.rep()] {
            keyvalue.drop_trace(rep);
        }
        keyvalue.drop_outgoing(refused.rep());
        assert!(keyvalue.outgoing(&value).unwrap().is_ok());
        assert!(keyvalue.add_incoming("v".into()).is_ok());
    }

    #[tokio::test]
    async fn a_number_is_of_no_bucket_that_was_opened_otherwise() {
        let store = Arc::new(keywell_memory::MemoryStore::default());
        let grants = Arc::new(Grants::everything_in(store));
        let mut keyvalue = Keyvalue::new(grants.clone());
        let opened = async || grants.open("").await.unwrap();
        let handle = keyvalue.add_bucket(opened().await).unwrap();
        for number in 0..3 {
            assert!(keyvalue.numbered(number).is_none());
            keyvalue.drop_numbered(number);
        }
        assert!(keyvalue.bucket(&handle).is_ok());
        let number = keyvalue.add_numbered(opened().await).unwrap();
        let numbered = keyvalue.numbered(number).unwrap();
        assert!(keyvalue.bucket(&numbered).is_ok());
        keyvalue.drop_numbered(number);
        assert!(keyvalue.numbered(number).is_none() && keyvalue.bucket(&numbered).is_err());
        assert!(keyvalue.bucket(&handle).is_ok());
    }

    #[test]
    fn many_values_are_kept_all_or_none() {
        let limit = HandleLimit(2);
        let grants = Arc::new(Grants::none());
        let mut keyvalue = Keyvalue::with_limit(grants, limit).within(Budget::new(10));
        let values = |all: &[&'static str]| all.iter().map(|&v| Some(v.into())).collect();
        assert!(keyvalue.add_all_incoming(values(&["a", "b", "c"])).is_err());
        assert!(
            keyvalue
                .add_all_incoming(values(&["five5", "sixsix"]))
                .is_err()
        );
        assert_eq!(keyvalue.budget().remaining(), 10);
        assert!(
            keyvalue
                .add_all_incoming(values(&["five5", "five5"]))
                .is_ok()
        );
        assert_eq!(keyvalue.budget().remaining(), 0);
    }
}
