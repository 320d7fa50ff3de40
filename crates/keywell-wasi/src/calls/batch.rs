use std::borrow::Cow;

use bytes::Bytes;
use keywell_store::layer::Limited;
use keywell_store::{Answer, Bucket as _};
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, WasmList, WasmStr};

use crate::calls::{answer, fits};
use crate::interface::{Asked, Interface};
use crate::keyvalue::{BucketHandle, KeyvalueView};

/// A key that was asked for, and its value.
pub(crate) type Found = (String, Option<Bytes>);

/// Links `batch` but for `get-many`, which differs between generations.
pub(crate) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.call("set-many", set_many, answer)?;
    interface.call("delete-many", delete_many, answer)
}

/// Asks for many values, in the order of the keys.
pub(crate) fn get_many<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, keys): (Resource<BucketHandle>, WasmList<WasmStr>),
) -> wasmtime::Result<Answer<Vec<Found>>> {
    let max = store.data().keyvalue().budget().remaining();
    with_keys(store, &bucket, &keys, |bucket, keys| {
        let mut found: Vec<Found> = keys.iter().map(|key| ((*key).to_owned(), None)).collect();
        bucket.get_many_within(keys, max).map(|entries| {
            for ((_, value), entry) in found.iter_mut().zip(entries) {
                *value = entry.map(|entry| entry.value);
            }
            found
        })
    })
}

fn set_many<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, entries): (Resource<BucketHandle>, WasmList<(WasmStr, WasmList<u8>)>),
) -> wasmtime::Result<Asked<()>> {
    let limits = *store.data().keyvalue().bucket(&bucket)?.limits();
    if let Err(error) = limits.check_batch(entries.len(), 0) {
        return Ok(error.into());
    }
    let entries: Vec<_> = entries
        .iter(&mut *store)?
        .collect::<wasmtime::Result<_>>()?;
    let store = &*store;
    let entries: Vec<(Cow<'_, str>, &[u8])> = entries
        .iter()
        .map(|(key, value)| Ok((key.to_str(store)?, value.as_le_slice(store))))
        .collect::<wasmtime::Result<_>>()?;
    let bytes = entries
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    let mut values = entries.iter().map(|(_, value)| value.len());
    let checked = limits
        .check_batch(entries.len(), bytes)
        .and_then(|()| values.try_for_each(|bytes| limits.check_value(bytes)));
    if let Err(error) = checked.and_then(|()| fits(store, bytes)) {
        return Ok(error.into());
    }
    let entries = entries
        .iter()
        .map(|(key, value)| (&**key, Bytes::copy_from_slice(value)));
    let bucket = store.data().keyvalue().bucket(&bucket)?;
    let written = bucket.set_many(entries.collect());
    Ok(Asked::holding(written, bytes))
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
    let limits = store.data().keyvalue().bucket(bucket)?.limits();
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
