use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{Answer, Bucket as _, Cursor, List, Page, Result, Set};
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, WasmList, WasmStr};

use crate::calls::{answer, fits};
use crate::error::StoreError;
use crate::interface::{Asked, Interface};
use crate::keyvalue::{BucketHandle, KeyvalueView};
use crate::opened::Opened;

/// Links `store` but for `list-keys`, whose cursors differ between generations.
pub(crate) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface
        .resource::<BucketHandle>("bucket", |data, rep| data.keyvalue_mut().drop_bucket(rep))?;
    interface.call("open", open, opened)?;
    interface.call("[method]bucket.get", get, answer)?;
    interface.call("[method]bucket.set", set, answer)?;
    interface.call("[method]bucket.delete", delete, answer)?;
    interface.call("[method]bucket.exists", exists, answer)
}

pub(crate) fn open<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (name,): (WasmStr,),
) -> wasmtime::Result<Answer<Arc<Opened>>> {
    let name = name.to_str(&*store)?;
    Ok(store.data().keyvalue().open(&name))
}

fn opened<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    bucket: Result<Arc<Opened>>,
) -> Result<Resource<BucketHandle>, StoreError> {
    Ok(store.data_mut().keyvalue_mut().add_bucket(bucket?)?)
}

pub(crate) fn get<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key): (Resource<BucketHandle>, WasmStr),
) -> wasmtime::Result<Asked<Option<Bytes>>> {
    let key = key.to_str(&*store)?;
    let keyvalue = store.data().keyvalue();
    let bucket = keyvalue.bucket(&bucket)?;
    let max = keyvalue.budget().remaining();
    let read = bucket.get_within(&key, max);
    let most = max.min(bucket.limits().value_bytes);
    let value = read.map(|entry| entry.map(|entry| entry.value));
    Ok(Asked::from(value).reading(most))
}

pub(crate) fn set<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key, value): (Resource<BucketHandle>, WasmStr, WasmList<u8>),
) -> wasmtime::Result<Asked<()>> {
    let key = key.to_str(&*store)?;
    let bucket = store.data().keyvalue().bucket(&bucket)?;
    let value = value.as_le_slice(&*store);
    if let Err(error) = bucket.limits().check_value(value.len()) {
        return Ok(error.into());
    }
    if let Err(error) = fits(store, value.len()) {
        return Ok(error.into());
    }
    let written = bucket.set(&key, Bytes::copy_from_slice(value), Set::default());
    Ok(Asked::holding(written.map(drop), value.len()))
}

pub(crate) fn delete<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key): (Resource<BucketHandle>, WasmStr),
) -> wasmtime::Result<Answer<()>> {
    let key = key.to_str(&*store)?;
    Ok(store.data().keyvalue().bucket(&bucket)?.delete(&key))
}

pub(crate) fn exists<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key): (Resource<BucketHandle>, WasmStr),
) -> wasmtime::Result<Answer<bool>> {
    let key = key.to_str(&*store)?;
    Ok(store.data().keyvalue().bucket(&bucket)?.exists(&key))
}

/// Asks for a page of keys.
pub(crate) fn list<T: KeyvalueView>(
    store: &StoreContextMut<'_, T>,
    bucket: &Resource<BucketHandle>,
    cursor: Option<Cursor>,
) -> wasmtime::Result<Answer<Page>> {
    let bucket = store.data().keyvalue().bucket(bucket)?;
    Ok(bucket.list(List {
        cursor,
        ..List::default()
    }))
}
