use std::borrow::Cow;

use bytes::Bytes;
use keywell_store::layer::Limited;
use keywell_store::{Answer, Bucket as _, Entry, Result};
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, WasmList, WasmStr};

use super::entry::{OwnEntry, readable};
use super::error::OwnError;
use crate::calls::fits;
use crate::interface::{Asked, Interface};
use crate::keyvalue::{BucketHandle, KeyvalueView};

pub(super) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.call("get-many", get_many, found)?;
    interface.call("set-many", set_many, |_, done| done.map_err(OwnError::from))?;
    interface.call("delete-many", delete_many, |_, done| {
        done.map_err(OwnError::from)
    })
}

fn get_many<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, keys): (Resource<BucketHandle>, WasmList<WasmStr>),
) -> wasmtime::Result<Answer<Vec<Option<Entry>>>> {
    let keyvalue = store.data().keyvalue();
    let max = readable(keyvalue, keyvalue.bucket(&bucket)?);
    with_keys(store, &bucket, &keys, |bucket, keys| {
        bucket.get_many_within(keys, max)
    })
}

fn found<T: KeyvalueView>(
    _: &mut StoreContextMut<'_, T>,
    entries: Result<Vec<Option<Entry>>>,
) -> Result<Vec<Option<OwnEntry>>, OwnError> {
    let entries = entries?.into_iter();
    Ok(entries.map(|entry| entry.map(OwnEntry::from)).collect())
}

fn set_many<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, pairs): (Resource<BucketHandle>, WasmList<(WasmStr, WasmList<u8>)>),
) -> wasmtime::Result<Asked<()>> {
    let limits = *store.data().keyvalue().bucket(&bucket)?.limits();
    if let Err(error) = limits.check_batch(pairs.len(), 0) {
        return Ok(error.into());
    }
    let pairs: Vec<_> = pairs.iter(&mut *store)?.collect::<wasmtime::Result<_>>()?;
    let store = &*store;
    let pairs: Vec<(Cow<'_, str>, &[u8])> = pairs
        .iter()
        .map(|(key, value)| Ok((key.to_str(store)?, value.as_le_slice(store))))
        .collect::<wasmtime::Result<_>>()?;
    let bytes = pairs.iter().map(|(key, value)| key.len() + value.len());
    let bytes = bytes.sum();
    let mut values = pairs.iter().map(|(_, value)| value.len());
    let checked = limits
        .check_batch(pairs.len(), bytes)
        .and_then(|()| values.try_for_each(|bytes| limits.check_value(bytes)));
    if let Err(error) = checked.and_then(|()| fits(store, bytes)) {
        return Ok(error.into());
    }
    let pairs = pairs
        .iter()
        .map(|(key, value)| (&**key, Bytes::copy_from_slice(value)));
    let bucket = store.data().keyvalue().bucket(&bucket)?;
    Ok(Asked::holding(bucket.set_many(pairs.collect()), bytes))
}

fn delete_many<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, keys): (Resource<BucketHandle>, WasmList<WasmStr>),
) -> wasmtime::Result<Answer<()>> {
    with_keys(store, &bucket, &keys, |bucket, keys| {
        bucket.delete_many(keys)
    })
}

/// Reads a list of keys where it lies, unless it is longer than a batch may be.
fn with_keys<T: KeyvalueView, A>(
    store: &mut StoreContextMut<'_, T>,
    bucket: &Resource<BucketHandle>,
    keys: &WasmList<WasmStr>,
    ask: impl FnOnce(&Limited, &[&str]) -> Answer<A>,
) -> wasmtime::Result<Answer<A>> {
    let limits = *store.data().keyvalue().bucket(bucket)?.limits();
    if let Err(error) = limits.check_batch(keys.len(), 0) {
        return Ok(error.into());
    }
    let keys: Vec<WasmStr> = keys.iter(&mut *store)?.collect::<wasmtime::Result<_>>()?;
    let store = &*store;
    let keys: Vec<Cow<'_, str>> = keys
        .iter()
        .map(|key| key.to_str(store))
        .collect::<wasmtime::Result<_>>()?;
    let keys: Vec<&str> = keys.iter().map(|key| &**key).collect();
    Ok(ask(store.data().keyvalue().bucket(bucket)?, &keys))
}
