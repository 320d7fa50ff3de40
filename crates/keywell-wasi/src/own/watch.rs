use keywell_store::{
    Answer, Bucket as _, Error, Filter, Invalid, Result, ResumeToken, Since, Watching,
};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Lower, Resource, WasmStr};
use wasmtime_wasi_io::poll::{self, DynPollable};

use super::error::OwnError;
use super::event::OwnEvent;
use super::subscription::Subscription;
use crate::interface::Interface;
use crate::keyvalue::{BucketHandle, KeyvalueView, SubscriptionHandle};

/// No store has a longer token: those of many shards have a number for each.
const MAX_TOKEN_BYTES: usize = 64 * 1024;

pub(super) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.resource::<SubscriptionHandle>("subscription", |data, rep| {
        data.keyvalue_mut().drop_subscription(rep);
    })?;
    interface.call("subscribe", subscribe, subscribed)?;
    interface.get("[method]subscription.guarantees", guarantees)?;
    interface.get("[method]subscription.pollable", pollable)?;
    interface.get("[method]subscription.next", next)?;
    interface.get("[method]subscription.reached", reached)?;
    interface.get("[method]subscription.coalesced", coalesced)
}

/// The variant `filter`.
#[derive(ComponentType, Lift)]
#[component(variant)]
enum OwnFilter {
    #[component(name = "all")]
    All,
    #[component(name = "key")]
    Key(WasmStr),
    #[component(name = "prefix")]
    Prefix(WasmStr),
}

/// The record `guarantees`.
#[derive(ComponentType, Lower)]
#[component(record)]
struct Guarantees {
    coalesces: bool,
    resumes: bool,
    gaps: bool,
}

fn subscribe<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, filter, after): (Resource<BucketHandle>, OwnFilter, Option<WasmStr>),
) -> wasmtime::Result<Answer<Subscription>> {
    if store.data_mut().table().is_none() {
        return Ok(Error::Unsupported("watching: its host has no pollables").into());
    }
    let after = match &after {
        Some(token) => Some(token.to_str(&*store)?),
        None => None,
    };
    let since = match after {
        None => Since::Now,
        Some(token) if token.len() > MAX_TOKEN_BYTES => {
            return Ok(Error::Invalid(Invalid::Token).into());
        }
        Some(token) => Since::After(ResumeToken::from(token.into_owned())),
    };
    let keyvalue = store.data().keyvalue();
    let bucket = keyvalue.bucket(&bucket)?;
    let filter = match filter.filter(store, bucket.limits().key_bytes)? {
        Ok(filter) => filter,
        Err(error) => return Ok(error.into()),
    };
    let watching = bucket.capabilities().watch;
    let watch = bucket.watch(filter, since);
    Ok(watch.map(move |watch| Subscription::new(watch, watching)))
}

fn subscribed<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    subscription: Result<Subscription>,
) -> Result<Resource<SubscriptionHandle>, OwnError> {
    let keyvalue = store.data_mut().keyvalue_mut();
    Ok(keyvalue.add_subscription(subscription?)?)
}

type This = (Resource<SubscriptionHandle>,);

fn guarantees<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (this,): This,
) -> wasmtime::Result<Guarantees> {
    let watching = store.data().keyvalue().subscription(&this)?.watching();
    Ok(Guarantees {
        coalesces: watching.coalesces(),
        resumes: watching.resumes(),
        gaps: watching == Watching::Lossy,
    })
}

fn pollable<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (this,): This,
) -> wasmtime::Result<Resource<DynPollable>> {
    let data = store.data_mut();
    let readiness = data.keyvalue().subscription(&this)?.readiness();
    let table = data.table();
    let table = table.ok_or_else(|| wasmtime::format_err!("the host has no table of resources"))?;
    let readiness = table.push(readiness)?;
    poll::subscribe(table, readiness)
}

fn next<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (this, limit): (Resource<SubscriptionHandle>, u32),
) -> wasmtime::Result<Result<Vec<OwnEvent>, OwnError>> {
    let subscription = store.data().keyvalue().subscription(&this)?;
    let limit = limit.try_into().unwrap_or(usize::MAX);
    Ok(subscription.take(limit).map_err(OwnError::from))
}

fn reached<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (this,): This,
) -> wasmtime::Result<Option<String>> {
    Ok(store.data().keyvalue().subscription(&this)?.reached())
}

fn coalesced<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (this,): This,
) -> wasmtime::Result<u64> {
    Ok(store.data().keyvalue().subscription(&this)?.coalesced())
}

// === impl OwnFilter ===

impl OwnFilter {
    /// The filter, unless its text is longer than a key may be.
    fn filter<T: KeyvalueView>(
        &self,
        store: &StoreContextMut<'_, T>,
        max: usize,
    ) -> wasmtime::Result<Result<Filter>> {
        let (text, filter): (_, fn(String) -> Filter) = match self {
            Self::All => return Ok(Ok(Filter::All)),
            Self::Key(key) => (key, Filter::Key),
            Self::Prefix(prefix) => (prefix, Filter::Prefix),
        };
        let text = text.to_str(store)?;
        let bytes = text.len();
        if bytes > max {
            return Ok(Err(Invalid::KeyTooLong { bytes, max }.into()));
        }
        Ok(Ok(filter(text.into_owned())))
    }
}
