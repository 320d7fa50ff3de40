use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{
    Bucket as _, Change, Cursor, Error, Expected, Invalid, List, MAX_PAGE_BYTES, Page, Result, Swap,
};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Lower, Resource, WasmList, WasmStr};

use super::error::CloudError;
use crate::calls::store::{delete, exists, get};
use crate::calls::{answer_as, fits};
use crate::interface::{Asked, Interface};
use crate::keyvalue::{BucketHandle, KeyvalueView};
use crate::opened::Opened;
use crate::own::expiring;

/// Links the resource `bucket`, which every interface of the package uses.
pub(super) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface
        .resource::<BucketHandle>("bucket", |data, rep| data.keyvalue_mut().drop_bucket(rep))?;
    interface.task("[method]bucket.get", get, answer_as::<_, _, CloudError>)?;
    interface.task("[method]bucket.set", set, written)?;
    interface.task(
        "[method]bucket.delete",
        delete,
        answer_as::<_, _, CloudError>,
    )?;
    interface.task(
        "[method]bucket.exists",
        exists,
        answer_as::<_, _, CloudError>,
    )?;
    interface.task("[method]bucket.list-keys", list_keys, listed)
}

pub(super) fn opened<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    bucket: Result<Arc<Opened>>,
) -> Result<Resource<BucketHandle>, CloudError> {
    Ok(store.data_mut().keyvalue_mut().add_bucket(bucket?)?)
}

/// The record `set-options`.
#[derive(ComponentType, Lift)]
#[component(record)]
struct SetOptions {
    #[component(name = "ttl-ms")]
    ttl_ms: Option<u64>,
    #[component(name = "if-not-exists")]
    if_not_exists: bool,
}

type Setting = (
    Resource<BucketHandle>,
    WasmStr,
    WasmList<u8>,
    Option<SetOptions>,
);

fn set<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key, value, options): Setting,
) -> wasmtime::Result<Asked<Swap>> {
    let (ttl, if_absent) = options.map_or((None, false), |options| {
        (options.ttl_ms, options.if_not_exists)
    });
    let key = key.to_str(&*store)?;
    let bucket = store.data().keyvalue().bucket(&bucket)?;
    let value = value.as_le_slice(&*store);
    let checked = bucket.limits().check_value(value.len());
    let how = checked
        .and_then(|()| fits(store, value.len()))
        .and_then(|()| expiring(ttl));
    let how = match how {
        Ok(how) => how,
        Err(error) => return Ok(error.into()),
    };
    let held = value.len();
    let value = Bytes::copy_from_slice(value);
    let written = if if_absent {
        bucket.swap(&key, Expected::Absent, Change::Set(value, how))
    } else {
        bucket
            .set(&key, value, how)
            .map(|version| Swap::Done(Some(version)))
    };
    Ok(Asked::holding(written, held))
}

fn written<T: KeyvalueView>(
    _: &mut StoreContextMut<'_, T>,
    swap: Result<Swap>,
) -> Result<(), CloudError> {
    match swap? {
        Swap::Done(_) => Ok(()),
        Swap::Stale => Err(CloudError::PreconditionFailed),
    }
}

/// The record `key-response`.
#[derive(ComponentType, Lower)]
#[component(record)]
struct KeyResponse {
    keys: Vec<String>,
    cursor: Option<String>,
}

fn list_keys<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, prefix, cursor): (Resource<BucketHandle>, Option<WasmStr>, Option<WasmStr>),
) -> wasmtime::Result<Asked<Page>> {
    let text = |text: Option<WasmStr>| match text {
        Some(text) => Ok(Some(text.to_str(&*store)?.into_owned())),
        None => wasmtime::error::Ok(None),
    };
    let (prefix, cursor) = (text(prefix)?.unwrap_or_default(), text(cursor)?);
    let bucket = store.data().keyvalue().bucket(&bucket)?;
    let (bytes, max) = (prefix.len(), bucket.limits().key_bytes);
    if bytes > max {
        return Ok(Error::from(Invalid::KeyTooLong { bytes, max }).into());
    }
    let page = bucket.list(List {
        prefix,
        cursor: cursor.map(Cursor::from),
        ..List::default()
    });
    Ok(Asked::from(page).reading(2 * MAX_PAGE_BYTES))
}

fn listed<T: KeyvalueView>(
    _: &mut StoreContextMut<'_, T>,
    page: Result<Page>,
) -> Result<KeyResponse, CloudError> {
    let Page { keys, cursor, .. } = page?;
    Ok(KeyResponse {
        keys,
        cursor: cursor.map(String::from),
    })
}
