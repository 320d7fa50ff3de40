//! `wasi:keyvalue@0.2.0-draft2`, in both of its shapes.

use bytes::Bytes;
use keywell_store::{Answer, Cursor, Page, Result};
use wasmtime::StoreContextMut;
use wasmtime::component::types::Type;
use wasmtime::component::{ComponentType, Lower, Resource, WasmStr};

use crate::calls;
use crate::calls::batch::Found;
use crate::descriptor::{Descriptor, Imported};
use crate::error::StoreError;
use crate::interface::{Interface, Link};
use crate::keyvalue::{BucketHandle, KeyvalueView};

pub(crate) const DESCRIPTOR: Descriptor = Descriptor {
    name: "0.2.0-draft2",
    package: "wasi:keyvalue",
    version: "0.2.0-draft2",
    interfaces: &["store", "atomics", "batch"],
    fits: |imported| !answers_pairs(imported),
    watcher: Some("wasi:keyvalue/watcher@0.2.0-draft2"),
};

/// The other shape, which bears the same version.
pub(crate) const DESCRIPTOR_OF_PAIRS: Descriptor = Descriptor {
    name: "0.2.0-draft2 (pairs)",
    fits: answers_pairs,
    // Its watcher is the same.
    watcher: None,
    ..DESCRIPTOR
};

pub(crate) fn link<T: KeyvalueView>(interface: &str) -> Option<Link<T>> {
    match interface {
        "store" => Some(store),
        "atomics" => Some(atomics),
        "batch" => Some(batch),
        _ => None,
    }
}

pub(crate) fn link_pairs<T: KeyvalueView>(interface: &str) -> Option<Link<T>> {
    match interface {
        "batch" => Some(batch_of_pairs),
        _ => link(interface),
    }
}

/// Whether `get-many` answers a list of pairs. A component that does not import `get-many` runs
/// with either shape.
fn answers_pairs(imported: &Imported<'_>) -> bool {
    let Some(get_many) = imported.function("batch", "get-many") else {
        return false;
    };
    let Some(Type::Result(answer)) = get_many.results().next() else {
        return false;
    };
    let Some(Type::List(found)) = answer.ok() else {
        return false;
    };
    matches!(found.ty(), Type::Tuple(_))
}

fn store<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    calls::store::link(interface)?;
    interface.call("[method]bucket.list-keys", list_keys, listed)
}

fn atomics<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    calls::atomics::link_cas(interface)?;
    interface.call("increment", calls::atomics::increment, calls::answer)
}

/// `batch`, with the `get-many` that leaves the keys of missing values out.
pub(crate) fn batch<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    calls::batch::link(interface)?;
    interface.call("get-many", calls::batch::get_many, found)
}

/// `batch`, with the `get-many` that answers every key.
fn batch_of_pairs<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    calls::batch::link(interface)?;
    interface.call("get-many", calls::batch::get_many, calls::answer)
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
    (bucket, cursor): (Resource<BucketHandle>, Option<WasmStr>),
) -> wasmtime::Result<Answer<Page>> {
    let cursor = match cursor {
        Some(cursor) => Some(Cursor::from(cursor.to_str(&*store)?.into_owned())),
        None => None,
    };
    calls::store::list(store, &bucket, cursor)
}

fn listed<T>(
    _: &mut StoreContextMut<'_, T>,
    page: Result<Page>,
) -> Result<KeyResponse, StoreError> {
    let Page { keys, cursor, .. } = page?;
    Ok(KeyResponse {
        keys,
        cursor: cursor.map(String::from),
    })
}

fn found<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    found: Result<Vec<Found>>,
) -> Result<Vec<Option<(String, Bytes)>>, StoreError> {
    let found = calls::answer(store, found)?
        .into_iter()
        .map(|(key, value)| value.map(|value| (key, value)));
    Ok(found.collect())
}
