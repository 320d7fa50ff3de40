//! Lists and sets.

use std::borrow::Cow;

use keywell_store::{Answer, Bucket as _, Collect, Collected, Members, Result};
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, WasmList, WasmStr};

use super::error::CollectionsError;
use crate::calls::fits;
use crate::interface::{Asked, Interface};
use crate::keyvalue::{BucketHandle, KeyvalueView};

pub(super) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.call("[method]bucket.clear", clear, count)?;
    interface.call(
        "[method]bucket.push",
        |store, call| write(store, call, |key, item| Collect::Push { key, item }),
        count,
    )?;
    interface.call("[method]bucket.range", range, texts)?;
    interface.call(
        "[method]bucket.list-item-delete",
        |store, call| write(store, call, |key, item| Collect::DeleteItem { key, item }),
        count,
    )?;
    interface.call(
        "[method]bucket.set-add",
        |store, call| write(store, call, |key, member| Collect::Add { key, member }),
        changed,
    )?;
    interface.call(
        "[method]bucket.set-remove",
        |store, call| write(store, call, |key, member| Collect::Remove { key, member }),
        changed,
    )?;
    interface.call("[method]bucket.set-query", query, texts)?;
    interface.call(
        "[method]bucket.set-union",
        |store, call| members(store, call, Members::Union),
        texts,
    )?;
    interface.call(
        "[method]bucket.set-intersection",
        |store, call| members(store, call, Members::Intersection),
        texts,
    )
}

type Write = (Resource<BucketHandle>, WasmStr, WasmStr);

/// Begins a call that names a key and a text, which are checked before they are copied.
fn write<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key, text): Write,
    operation: impl FnOnce(String, String) -> Collect,
) -> wasmtime::Result<Asked<Collected>> {
    let (key, text) = (key.to_str(&*store)?, text.to_str(&*store)?);
    let bucket = store.data().keyvalue().bucket(&bucket)?;
    let limits = bucket.limits();
    let bytes = key.len().saturating_add(text.len());
    let checked = limits
        .check_key(&key)
        .and_then(|()| limits.check_value(text.len()))
        .and_then(|()| fits(store, bytes));
    if let Err(error) = checked {
        return Ok(error.into());
    }
    let operation = operation(key.into_owned(), text.into_owned());
    Ok(Asked::holding(bucket.collect(operation), bytes))
}

fn clear<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key): (Resource<BucketHandle>, WasmStr),
) -> wasmtime::Result<Answer<Collected>> {
    let key = key.to_str(&*store)?;
    let bucket = store.data().keyvalue().bucket(&bucket)?;
    if let Err(error) = bucket.limits().check_key(&key) {
        return Ok(error.into());
    }
    let key = key.into_owned();
    Ok(bucket.collect(Collect::Clear { key }))
}

fn range<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key, start, stop): (Resource<BucketHandle>, WasmStr, i64, i64),
) -> wasmtime::Result<Answer<Collected>> {
    let key = key.to_str(&*store)?;
    let keyvalue = store.data().keyvalue();
    let bucket = keyvalue.bucket(&bucket)?;
    if let Err(error) = bucket.limits().check_key(&key) {
        return Ok(error.into());
    }
    Ok(bucket.collect(Collect::Range {
        key: key.into_owned(),
        start,
        stop,
        max: keyvalue.budget().remaining(),
    }))
}

fn query<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key): (Resource<BucketHandle>, WasmStr),
) -> wasmtime::Result<Answer<Collected>> {
    let key = key.to_str(&*store)?;
    let keyvalue = store.data().keyvalue();
    let bucket = keyvalue.bucket(&bucket)?;
    if let Err(error) = bucket.limits().check_key(&key) {
        return Ok(error.into());
    }
    Ok(bucket.collect(Collect::Members {
        keys: vec![key.into_owned()],
        of: Members::Union,
        max: keyvalue.budget().remaining(),
    }))
}

/// Reads a list of keys where it lies, unless it is longer than a batch may be.
fn members<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, keys): (Resource<BucketHandle>, WasmList<WasmStr>),
    of: Members,
) -> wasmtime::Result<Asked<Collected>> {
    let limits = *store.data().keyvalue().bucket(&bucket)?.limits();
    if let Err(error) = limits.check_batch(keys.len(), 0) {
        return Ok(error.into());
    }
    let keys: Vec<WasmStr> = keys.iter(&mut *store)?.collect::<wasmtime::Result<_>>()?;
    let store = &*store;
    let keys: Vec<Cow<'_, str>> = keys
        .iter()
        .map(|key| key.to_str(store))
        .collect::<wasmtime::Result<_>>()?;
    let bytes = keys.iter().map(|key| key.len()).sum();
    let checked = limits.check_batch(keys.len(), bytes);
    if let Err(error) = checked.and_then(|()| fits(store, bytes)) {
        return Ok(error.into());
    }
    let keyvalue = store.data().keyvalue();
    let members = keyvalue.bucket(&bucket)?.collect(Collect::Members {
        keys: keys.into_iter().map(Cow::into_owned).collect(),
        of,
        max: keyvalue.budget().remaining().saturating_sub(bytes),
    });
    Ok(Asked::holding(members, bytes))
}

fn count<T: KeyvalueView>(
    _: &mut StoreContextMut<'_, T>,
    answer: Result<Collected>,
) -> Result<u64, CollectionsError> {
    Ok(answer?.count()?)
}

fn changed<T: KeyvalueView>(
    _: &mut StoreContextMut<'_, T>,
    answer: Result<Collected>,
) -> Result<bool, CollectionsError> {
    Ok(answer?.changed()?)
}

fn texts<T: KeyvalueView>(
    _: &mut StoreContextMut<'_, T>,
    answer: Result<Collected>,
) -> Result<Vec<String>, CollectionsError> {
    Ok(answer?.texts()?)
}
