use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{
    Answer, Bucket as _, Cas, Change, Error, Expected, Invalid, Result, Set, Swap,
};
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

/// Asks for an increment of a counter that has no sign in the interface.
///
/// Counters are signed in every store, so a delta past their range overflows whatever it is added
/// to, and a counter that others made negative has no answer here. The store does not refuse the
/// latter, so the increment is undone by a second one.
pub(crate) fn increment_unsigned<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key, delta): (Resource<BucketHandle>, WasmStr, u64),
) -> wasmtime::Result<Answer<u64>> {
    let Ok(delta) = i64::try_from(delta) else {
        return Ok(Error::Invalid(Invalid::Overflow).into());
    };
    let key = key.to_str(&*store)?.into_owned();
    let keyvalue = store.data().keyvalue();
    let bucket = keyvalue.bucket(&bucket)?;
    Ok(match keyvalue.elsewhere(Linked::Atomics, bucket) {
        Some(other) => other.then(move |bucket| add_unsigned(bucket, key, delta)),
        None => add_unsigned(bucket.clone(), key, delta),
    })
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
    Ok(store.data_mut().keyvalue_mut().add_swap(swap)?)
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
            Err(match fresh {
                Ok(fresh) => CasError::CasFailed(fresh),
                Err(trace) => CasError::StoreError(trace.into()),
            })
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

fn add_unsigned(bucket: Arc<Opened>, key: String, delta: i64) -> Answer<u64> {
    bucket
        .increment_or_create(&key, delta, Set::default())
        .then(move |sum| match u64::try_from(sum) {
            Ok(sum) => Answer::now(sum),
            Err(_) => bucket
                .increment_or_create(&key, -delta, Set::default())
                .and_then(|_| Err(Error::Invalid(Invalid::Overflow))),
        })
}
