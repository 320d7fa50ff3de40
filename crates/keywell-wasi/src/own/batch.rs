use keywell_store::{Bucket as _, Entry, Result};
use wasmtime::StoreContextMut;
use wasmtime::component::{Resource, WasmList, WasmStr};

use super::entry::{OwnEntry, readable};
use super::error::OwnError;
use crate::calls::{answer_as, batch};
use crate::interface::{Asked, Interface};
use crate::keyvalue::{BucketHandle, KeyvalueView};

pub(super) fn link<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.call("get-many", get_many, found)?;
    interface.call("set-many", set_many, answer_as::<_, _, OwnError>)?;
    interface.call("delete-many", delete_many, answer_as::<_, _, OwnError>)
}

fn get_many<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, keys): (Resource<BucketHandle>, WasmList<WasmStr>),
) -> wasmtime::Result<Asked<Vec<Option<Entry>>>> {
    let keyvalue = store.data().keyvalue();
    let max = readable(keyvalue, keyvalue.bucket(&bucket)?);
    batch::with_keys(store, &bucket, &keys, None, move |bucket, keys| {
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
    batch::write_pairs(store, &bucket, &pairs, None)
}

fn delete_many<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, keys): (Resource<BucketHandle>, WasmList<WasmStr>),
) -> wasmtime::Result<Asked<()>> {
    batch::with_keys(store, &bucket, &keys, None, |bucket, keys| {
        bucket.delete_many(keys)
    })
}
