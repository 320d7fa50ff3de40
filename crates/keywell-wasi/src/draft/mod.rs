//! `wasi:keyvalue@0.2.0-draft`: counters and cursors are `u64`; no compare-and-swap.

use std::sync::Arc;

use keywell_store::{Answer, Bucket as _, Error, Invalid, Page, Result, Set};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lower, Resource, WasmStr};

use crate::calls;
use crate::chosen::Linked;
use crate::descriptor::Descriptor;
use crate::draft2;
use crate::error::StoreError;
use crate::interface::{Interface, Link};
use crate::keyvalue::{BucketHandle, KeyvalueView};
use crate::opened::Opened;

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
    interface.call("increment", increment, calls::answer)
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

/// Counters are signed in every store, so a delta past their range overflows whatever it is added
/// to, and a counter that others made negative has no answer here. Of the latter the store does not
/// know, so what was added is taken away again.
fn increment<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    (bucket, key, delta): (Resource<BucketHandle>, WasmStr, u64),
) -> wasmtime::Result<Answer<u64>> {
    let Ok(delta) = i64::try_from(delta) else {
        return Ok(Error::Invalid(Invalid::Overflow).into());
    };
    let key = key.to_str(&*store)?.into_owned();
    let keyvalue = store.data().keyvalue();
    let bucket = keyvalue.bucket(&bucket)?;
    Ok(match keyvalue.elsewhere(Linked::Atomics, bucket) {
        Some(other) => other.then(move |bucket| add(bucket, key, delta)),
        None => add(bucket.clone(), key, delta),
    })
}

fn add(bucket: Arc<Opened>, key: String, delta: i64) -> Answer<u64> {
    bucket
        .increment_or_create(&key, delta, Set::default())
        .then(move |sum| match u64::try_from(sum) {
            Ok(sum) => Answer::now(sum),
            Err(_) => bucket
                .increment_or_create(&key, -delta, Set::default())
                .and_then(|_| Err(Error::Invalid(Invalid::Overflow))),
        })
}
