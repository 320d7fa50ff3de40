use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{Answer, Bucket as _, Change, Entry, Error, Result, Swap};
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, WasmList, WasmStr};

use super::entry::{OwnEntry, readable};
use super::error::OwnError;
use super::expectation::{Expectation, expiring};
use super::{listing, version};
use crate::calls::store::exists;
use crate::calls::{answer_as, fits};
use crate::interface::{Asked, Interface};
use crate::keyvalue::{BucketHandle, KeyvalueView};
use crate::opened::Opened;
use crate::values::Trace;

pub(super) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface
        .resource::<BucketHandle>("bucket", |data, rep| data.keyvalue_mut().drop_bucket(rep))?;
    interface.call("open", open, opened::<T, OwnError>)?;
    interface.call("[method]bucket.get", get, found)?;
    interface.call("[method]bucket.exists", exists, answer_as::<_, _, OwnError>)?;
    interface.call("[method]bucket.set", set, written)?;
    interface.call("[method]bucket.delete", delete, deleted)?;
    interface.call("[method]bucket.list", listing::list, listing::listed)
}

/// Opens a bucket on the link of Keywell's own interfaces.
pub(crate) fn open<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (name,): (WasmStr,),
) -> wasmtime::Result<Answer<Arc<Opened>>> {
    let name = name.to_str(&*store)?;
    Ok(store.data().keyvalue().open_own(&name))
}

pub(crate) fn opened<T: KeyvalueView, E: From<Error> + From<Trace>>(
    store: &mut StoreContextMut<'_, T>,
    bucket: Result<Arc<Opened>>,
) -> Result<Resource<BucketHandle>, E> {
    Ok(store.data_mut().keyvalue_mut().add_bucket(bucket?)?)
}

fn get<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key): (Resource<BucketHandle>, WasmStr),
) -> wasmtime::Result<Answer<Option<Entry>>> {
    let key = key.to_str(&*store)?;
    let keyvalue = store.data().keyvalue();
    let bucket = keyvalue.bucket(&bucket)?;
    Ok(bucket.get_within(&key, readable(keyvalue, bucket)))
}

fn found<T: KeyvalueView>(
    _: &mut StoreContextMut<'_, T>,
    entry: Result<Option<Entry>>,
) -> Result<Option<OwnEntry>, OwnError> {
    Ok(entry?.map(OwnEntry::from))
}

type Setting = (
    Resource<BucketHandle>,
    WasmStr,
    WasmList<u8>,
    Expectation,
    Option<u64>,
);

fn set<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key, value, expectation, ttl): Setting,
) -> wasmtime::Result<Asked<Swap>> {
    let key = key.to_str(&*store)?;
    let bucket = store.data().keyvalue().bucket(&bucket)?;
    let value = value.as_le_slice(&*store);
    let held = value.len().saturating_add(expectation.bytes());
    let checked = bucket.limits().check_value(value.len());
    let how = checked
        .and_then(|()| fits(store, held))
        .and_then(|()| expiring(ttl));
    let how = match how {
        Ok(how) => how,
        Err(error) => return Ok(error.into()),
    };
    let value = Bytes::copy_from_slice(value);
    let written = match expectation.expected(store) {
        None => bucket
            .set(&key, value, how)
            .map(|version| Swap::Done(Some(version))),
        Some(expected) => bucket.swap(&key, expected, Change::Set(value, how)),
    };
    Ok(Asked::holding(written, held))
}

fn written<T: KeyvalueView>(
    _: &mut StoreContextMut<'_, T>,
    swap: Result<Swap>,
) -> Result<Bytes, OwnError> {
    match swap? {
        Swap::Done(Some(version)) => Ok(version::to_bytes(&version)),
        Swap::Done(None) => Err(OwnError::Other("the store answered no version".into())),
        Swap::Stale => Err(OwnError::check_failed(0)),
    }
}

fn delete<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key, expectation): (Resource<BucketHandle>, WasmStr, Expectation),
) -> wasmtime::Result<Asked<Swap>> {
    let key = key.to_str(&*store)?;
    let bucket = store.data().keyvalue().bucket(&bucket)?;
    let held = expectation.bytes();
    if let Err(error) = fits(store, held) {
        return Ok(error.into());
    }
    let deleted = match expectation.expected(store) {
        None => bucket.delete(&key).map(|()| Swap::Done(None)),
        Some(expected) => bucket.swap(&key, expected, Change::Delete),
    };
    Ok(Asked::holding(deleted, held))
}

fn deleted<T: KeyvalueView>(
    _: &mut StoreContextMut<'_, T>,
    swap: Result<Swap>,
) -> Result<(), OwnError> {
    match swap? {
        Swap::Done(_) => Ok(()),
        Swap::Stale => Err(OwnError::check_failed(0)),
    }
}
