//! Buckets, texts and counters.

use bytes::Bytes;
use keywell_store::{Answer, Bucket as _, Entry, Result, Set};
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, WasmStr};

use super::error::CollectionsError;
use crate::calls::store::{delete, exists};
use crate::calls::{answer_as, fits};
use crate::interface::{Asked, Interface};
use crate::keyvalue::{BucketHandle, KeyvalueView};
use crate::own::{open, opened};

pub(super) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface
        .resource::<BucketHandle>("bucket", |data, rep| data.keyvalue_mut().drop_bucket(rep))?;
    interface.call("open", open, opened::<T, CollectionsError>)?;
    interface.call("[method]bucket.get", get, found)?;
    interface.call("[method]bucket.set", set, answer)?;
    interface.call("[method]bucket.add", add, answer)?;
    interface.call("[method]bucket.delete", delete, answer)?;
    interface.call("[method]bucket.exists", exists, answer)
}

fn answer<T, A>(
    store: &mut StoreContextMut<'_, T>,
    result: Result<A>,
) -> Result<A, CollectionsError> {
    answer_as(store, result)
}

fn get<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key): (Resource<BucketHandle>, WasmStr),
) -> wasmtime::Result<Answer<Option<Entry>>> {
    let key = key.to_str(&*store)?;
    let keyvalue = store.data().keyvalue();
    let bucket = keyvalue.bucket(&bucket)?;
    Ok(bucket.get_within(&key, keyvalue.budget().remaining()))
}

fn found<T: KeyvalueView>(
    _: &mut StoreContextMut<'_, T>,
    entry: Result<Option<Entry>>,
) -> Result<Option<String>, CollectionsError> {
    let Some(entry) = entry? else {
        return Ok(None);
    };
    let text = String::from_utf8(entry.value.into());
    text.map(Some).map_err(|_| CollectionsError::NotText)
}

fn set<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key, value): (Resource<BucketHandle>, WasmStr, WasmStr),
) -> wasmtime::Result<Asked<()>> {
    let (key, value) = (key.to_str(&*store)?, value.to_str(&*store)?);
    let bucket = store.data().keyvalue().bucket(&bucket)?;
    let bytes = value.len();
    let checked = bucket.limits().check_value(bytes);
    if let Err(error) = checked.and_then(|()| fits(store, bytes)) {
        return Ok(error.into());
    }
    let value = Bytes::copy_from_slice(value.as_bytes());
    let written = bucket.set(&key, value, Set::default());
    Ok(Asked::holding(written.map(drop), bytes))
}

fn add<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key, delta): (Resource<BucketHandle>, WasmStr, i64),
) -> wasmtime::Result<Answer<i64>> {
    let key = key.to_str(&*store)?;
    let bucket = store.data().keyvalue().bucket(&bucket)?;
    Ok(bucket.increment_or_create(&key, delta, Set::default()))
}
