use std::borrow::Cow;

use bytes::Bytes;
use keywell_store::layer::{Limited, Limits};
use keywell_store::{Answer, Bucket as _};
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, WasmList, WasmStr};

use crate::calls::{answer, fits};
use crate::chosen::Linked;
use crate::interface::{Asked, Interface};
use crate::keyvalue::{BucketHandle, KeyvalueView};

/// What `batch` of `wasi:keyvalue` goes by.
pub(crate) const BATCH: Option<Linked> = Some(Linked::Batch);

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
    keys: (Resource<BucketHandle>, WasmList<WasmStr>),
) -> wasmtime::Result<Asked<Vec<Found>>> {
    get_many_by(store, keys, BATCH)
}

/// The same of the bucket of the same name on the link of `by`, or of this one.
pub(crate) fn get_many_by<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, keys): (Resource<BucketHandle>, WasmList<WasmStr>),
    by: Option<Linked>,
) -> wasmtime::Result<Asked<Vec<Found>>> {
    let max = store.data().keyvalue().budget().remaining();
    let asked = with_keys(store, &bucket, &keys, by, move |bucket, keys| {
        let mut found: Vec<Found> = keys.iter().map(|key| ((*key).to_owned(), None)).collect();
        bucket.get_many_within(keys, max).map(|entries| {
            for ((_, value), entry) in found.iter_mut().zip(entries) {
                *value = entry.map(|entry| entry.value);
            }
            found
        })
    });
    Ok(asked?.reading(max.min(Limits::default().batch_bytes)))
}

fn set_many<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, entries): (Resource<BucketHandle>, WasmList<(WasmStr, WasmList<u8>)>),
) -> wasmtime::Result<Asked<()>> {
    write_pairs(store, &bucket, &entries, BATCH)
}

/// Writes a list of pairs, unless it is longer than a batch may be: to the bucket of the same name
/// on the link of `by`, or to this one.
pub(crate) fn write_pairs<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    bucket: &Resource<BucketHandle>,
    entries: &WasmList<(WasmStr, WasmList<u8>)>,
    by: Option<Linked>,
) -> wasmtime::Result<Asked<()>> {
    let keyvalue = store.data().keyvalue();
    let held = keyvalue.bucket(bucket)?;
    let other = by.and_then(|by| keyvalue.elsewhere(by, held));
    // Those of another bucket are not known here.
    let limits = match &other {
        Some(_) => Limits::default(),
        None => *held.limits(),
    };
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
    let written = match other {
        None => {
            let bucket = store.data().keyvalue().bucket(bucket)?;
            bucket.set_many(entries.collect())
        }
        Some(other) => {
            let entries: Vec<(String, Bytes)> = entries
                .map(|(key, value)| (key.to_owned(), value))
                .collect();
            other.then(move |bucket| {
                let entries = entries.iter().map(|(key, value)| (&**key, value.clone()));
                bucket.set_many(entries.collect())
            })
        }
    };
    Ok(Asked::holding(written, bytes))
}

pub(crate) fn delete_many<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, keys): (Resource<BucketHandle>, WasmList<WasmStr>),
) -> wasmtime::Result<Asked<()>> {
    with_keys(store, &bucket, &keys, BATCH, |bucket, keys| {
        bucket.delete_many(keys)
    })
}

/// Reads a list of keys where it lies, unless it is longer than a batch may be, and asks the bucket
/// of the same name on the link of `by`, or this one.
pub(crate) fn with_keys<T: KeyvalueView, A: Send + 'static>(
    store: &mut StoreContextMut<'_, T>,
    bucket: &Resource<BucketHandle>,
    keys: &WasmList<WasmStr>,
    by: Option<Linked>,
    ask: impl FnOnce(&Limited, &[&str]) -> Answer<A> + Send + 'static,
) -> wasmtime::Result<Asked<A>> {
    let keyvalue = store.data().keyvalue();
    let held = keyvalue.bucket(bucket)?;
    if let Err(error) = held.limits().check_batch(keys.len(), 0) {
        return Ok(error.into());
    }
    let other = by.and_then(|by| keyvalue.elsewhere(by, held));
    let keys: Vec<WasmStr> = keys.iter(&mut *store)?.collect::<wasmtime::Result<_>>()?;
    let store = &*store;
    let keys: Vec<Cow<'_, str>> = keys
        .iter()
        .map(|key| key.to_str(store))
        .collect::<wasmtime::Result<_>>()?;
    let bytes = keys.iter().map(|key| key.len()).sum();
    if let Some(other) = other {
        let keys: Vec<String> = keys.into_iter().map(Cow::into_owned).collect();
        let answer = other.then(move |bucket| {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            ask(&bucket, &keys)
        });
        return Ok(Asked::holding(answer, bytes));
    }
    let keys: Vec<&str> = keys.iter().map(|key| &**key).collect();
    let answer = ask(store.data().keyvalue().bucket(bucket)?, &keys);
    Ok(Asked::holding(answer, bytes))
}
