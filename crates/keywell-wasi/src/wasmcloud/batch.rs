use bytes::Bytes;
use keywell_store::{Bucket as _, Result};
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, WasmList, WasmStr};

use super::error::CloudError;
use crate::calls::answer_as;
use crate::calls::batch::{Found, get_many_by, with_keys, write_pairs};
use crate::interface::{Asked, Interface};
use crate::keyvalue::{BucketHandle, KeyvalueView};

pub(super) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.task("get-many", get_many, found)?;
    interface.task("set-many", set_many, answer_as::<_, _, CloudError>)?;
    interface.task("delete-many", delete_many, answer_as::<_, _, CloudError>)
}

type Keys = (Resource<BucketHandle>, WasmList<WasmStr>);

fn get_many<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    keys: Keys,
) -> wasmtime::Result<Asked<Vec<Found>>> {
    get_many_by(store, keys, None)
}

fn found<T: KeyvalueView>(
    _: &mut StoreContextMut<'_, T>,
    found: Result<Vec<Found>>,
) -> Result<Vec<Option<(String, Bytes)>>, CloudError> {
    let found = found?.into_iter();
    Ok(found
        .map(|(key, value)| value.map(|value| (key, value)))
        .collect())
}

fn set_many<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, entries): (Resource<BucketHandle>, WasmList<(WasmStr, WasmList<u8>)>),
) -> wasmtime::Result<Asked<()>> {
    write_pairs(store, &bucket, &entries, None)
}

fn delete_many<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, keys): Keys,
) -> wasmtime::Result<Asked<()>> {
    with_keys(store, &bucket, &keys, None, |bucket, keys| {
        bucket.delete_many(keys)
    })
}
