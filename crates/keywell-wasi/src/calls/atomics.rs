use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{Answer, Bucket as _, Cas, Change, Error, Expected, Result, Set, Swap};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lower, Resource, WasmList, WasmStr};

use crate::calls::{answer, fits, refused};
use crate::chosen::Linked;
use crate::error::StoreError;
use crate::interface::{Asked, Interface};
use crate::keyvalue::{BucketHandle, CasHandle, KeyvalueView, PendingSwap};
use crate::opened::Opened;

/// Asks for an increment.
pub(crate) fn increment<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key, delta): (Resource<BucketHandle>, WasmStr, i64),
) -> wasmtime::Result<Answer<i64>> {
    let key = key.to_str(&*store)?;
    let keyvalue = store.data().keyvalue();
    let bucket = keyvalue.bucket(&bucket)?;
    if let Some(other) = keyvalue.elsewhere(Linked::Atomics, bucket) {
        let key = key.into_owned();
        return Ok(
            other.then(move |bucket| bucket.increment_or_create(&key, delta, Set::default()))
        );
    }
    Ok(bucket.increment_or_create(&key, delta, Set::default()))
}

/// Links the resource `cas` and `swap`.
pub(crate) fn link_cas<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.resource::<CasHandle>("cas", |data, rep| data.keyvalue_mut().drop_swap(rep))?;
    interface.call("[static]cas.new", new, made)?;
    interface.call("[method]cas.current", current, answer)?;
    interface.call("swap", swap, swapped)
}

/// The variant `cas-error`.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum CasError {
    #[component(name = "store-error")]
    StoreError(StoreError),
    #[component(name = "cas-failed")]
    CasFailed(Resource<CasHandle>),
}

/// How a swap went; a stale one comes with the key as it is now.
enum Swapped {
    Done,
    Stale(PendingSwap),
}

fn new<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key): (Resource<BucketHandle>, WasmStr),
) -> wasmtime::Result<Answer<PendingSwap>> {
    let key = key.to_str(&*store)?;
    let keyvalue = store.data().keyvalue();
    let (bucket, max) = (keyvalue.bucket(&bucket)?, keyvalue.budget().remaining());
    let key = key.into_owned();
    Ok(match keyvalue.elsewhere(Linked::Atomics, bucket) {
        Some(other) => other.then(move |bucket| read(bucket, key, max)),
        None => read(bucket.clone(), key, max),
    })
}

fn made<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    swap: Result<PendingSwap>,
) -> Result<Resource<CasHandle>, StoreError> {
    let swap = swap.map_err(|error| refused(store, error))?;
    store.data_mut().keyvalue_mut().add_swap(swap)
}

fn current<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (cas,): (Resource<CasHandle>,),
) -> wasmtime::Result<Answer<Option<Bytes>>> {
    let read = &store.data().keyvalue().swap(&cas)?.read;
    Ok(Answer::now(read.as_ref().map(|entry| entry.value.clone())))
}

fn swap<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (cas, value): (Resource<CasHandle>, WasmList<u8>),
) -> wasmtime::Result<Asked<Swapped>> {
    let PendingSwap {
        bucket,
        key,
        read: seen,
    } = store.data_mut().keyvalue_mut().take_swap(&cas)?;
    let value = value.as_le_slice(&*store);
    if let Err(error) = bucket.limits().check_value(value.len()) {
        return Ok(error.into());
    }
    if let Err(error) = fits(store, value.len()) {
        return Ok(error.into());
    }
    let bytes = value.len();
    let max = store.data().keyvalue().budget().remaining();
    let expected = Expected::from(seen.as_ref());
    let change = Change::Set(Bytes::copy_from_slice(value), Set::default());
    let swapped = bucket
        .swap(&key, expected, change)
        .then(move |swap| match swap {
            Swap::Done(_) => Answer::now(Swapped::Done),
            Swap::Stale => read(bucket, key, max).map(Swapped::Stale),
        });
    Ok(Asked::holding(swapped, bytes))
}

fn swapped<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    swapped: Result<Swapped>,
) -> Result<(), CasError> {
    match swapped.map_err(|error| CasError::StoreError(refused(store, error)))? {
        Swapped::Done => Ok(()),
        Swapped::Stale(swap) => {
            let fresh = store.data_mut().keyvalue_mut().add_swap(swap);
            Err(fresh.map_or_else(CasError::StoreError, CasError::CasFailed))
        }
    }
}

/// Reads a key, to swap it later.
fn read(bucket: Arc<Opened>, key: String, max: usize) -> Answer<PendingSwap> {
    if bucket.capabilities().cas == Cas::None {
        return Error::Unsupported("compare-and-swap").into();
    }
    bucket
        .get_within(&key, max)
        .map(move |read| PendingSwap { bucket, key, read })
}
