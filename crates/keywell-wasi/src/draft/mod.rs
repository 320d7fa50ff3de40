//! `wasi:keyvalue@0.2.0-draft`: counters and cursors are `u64`; no compare-and-swap.

use keywell_store::{Answer, Page, Result};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lower, Resource};

use crate::calls;
use crate::descriptor::Descriptor;
use crate::draft2;
use crate::error::StoreError;
use crate::interface::{Interface, Link};
use crate::keyvalue::{BucketHandle, KeyvalueView};

pub(crate) const DESCRIPTOR: Descriptor = Descriptor {
    name: "0.2.0-draft",
    package: "wasi:keyvalue",
    version: "0.2.0-draft",
    interfaces: &["store", "atomics", "batch"],
    fits: |_| true,
    watcher: Some("wasi:keyvalue/watcher@0.2.0-draft"),
};

pub(crate) fn link<T: KeyvalueView>(interface: &str) -> Option<Link<T>> {
    match interface {
        "store" => Some(store),
        "atomics" => Some(atomics),
        "batch" => Some(batch),
        _ => None,
    }
}

fn store<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    calls::store::link(interface)?;
    interface.call("[method]bucket.list-keys", list_keys, listed)
}

fn atomics<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.call(
        "increment",
        calls::atomics::increment_unsigned,
        calls::answer,
    )
}

fn batch<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    draft2::batch(interface)
}

/// The record `key-response`.
#[derive(ComponentType, Lower)]
#[component(record)]
struct KeyResponse {
    keys: Vec<String>,
    cursor: Option<u64>,
}

fn list_keys<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, cursor): (Resource<BucketHandle>, Option<u64>),
) -> wasmtime::Result<Answer<Page>> {
    let cursors = &store.data().keyvalue().grants.cursors;
    match cursor.map(|number| cursors.cursor(number)).transpose() {
        Ok(cursor) => calls::store::list(store, &bucket, cursor),
        Err(error) => Ok(error.into()),
    }
}

fn listed<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    page: Result<Page>,
) -> Result<KeyResponse, StoreError> {
    let Page { keys, cursor, .. } = page?;
    let cursors = &store.data().keyvalue().grants.cursors;
    Ok(KeyResponse {
        keys,
        cursor: cursor.map(|cursor| cursors.number(cursor)),
    })
}
