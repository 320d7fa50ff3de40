//! `wasi:keyvalue` without a version: as `0.1.0`, but a missing key is an error, and interfaces
//! have other names.

use bytes::Bytes;
use keywell_store::Result;
use wasmtime::StoreContextMut;
use wasmtime::component::Resource;

use crate::cache;
use crate::calls::keys::Keys;
use crate::calls::store;
use crate::calls::valued::{self, answer, batch, entry, types};
use crate::descriptor::Descriptor;
use crate::interface::{Interface, Link};
use crate::keyvalue::KeyvalueView;
use crate::v0_1_0::consumes_statically;
use crate::values::{ErrorHandle, IncomingHandle, Trace};

pub(crate) const DESCRIPTOR: Descriptor = Descriptor {
    package: "wasi:keyvalue",
    name: "without a version",
    version: "",
    interfaces: &[
        "wasi-cloud-error",
        "types",
        "readwrite",
        "batch",
        "atomic",
        "cache",
    ],
    fits: |imported| !consumes_statically(imported),
    watcher: Some("wasi:keyvalue/handle-watch"),
};

pub(crate) fn link<T: KeyvalueView>(interface: &str) -> Option<Link<T>> {
    match interface {
        "wasi-cloud-error" => Some(types::link_error),
        "types" => Some(link_types),
        "readwrite" => Some(readwrite),
        "batch" => Some(link_batch),
        "atomic" => Some(valued::atomic::link),
        "cache" => Some(cache::link),
        _ => None,
    }
}

fn link_types<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    types::link(interface)?;
    interface.call(
        "[method]incoming-value.size",
        types::size,
        |_, size: Result<u64>| size.unwrap_or_default(),
    )
}

fn readwrite<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    entry::link(interface)?;
    interface.call("get", store::get, found)
}

fn link_batch<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    batch::link(interface)?;
    interface.call("get-many", batch::get_many, found_many)?;
    interface.listing("get-keys", batch::keys, listed)
}

fn found<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    found: Result<Option<Bytes>>,
) -> Result<Resource<IncomingHandle>, Resource<ErrorHandle>> {
    let found = answer(store, found)?;
    let keyvalue = store.data_mut().keyvalue_mut();
    let added = found
        .ok_or(Trace::NOT_FOUND)
        .and_then(|bytes| keyvalue.add_incoming(bytes));
    added.map_err(|trace| keyvalue.add_trace(trace))
}

fn found_many<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    found: Result<Vec<Option<Bytes>>>,
) -> Result<Vec<Resource<IncomingHandle>>, Resource<ErrorHandle>> {
    let found = answer(store, found)?;
    let keyvalue = store.data_mut().keyvalue_mut();
    if found.iter().any(Option::is_none) {
        return Err(keyvalue.add_trace(Trace::NOT_FOUND));
    }
    let added = keyvalue.add_all_incoming(found);
    let added = added.map(|values| values.into_iter().flatten().collect());
    added.map_err(|trace| keyvalue.add_trace(trace))
}

/// The interface has no error here, and a trap would end the instance for a failure of the store.
/// So the list ends at the failure.
fn listed<T>(_: &mut StoreContextMut<'_, T>, keys: Result<Keys>) -> Vec<String> {
    let (keys, ended_by) = match keys {
        Ok(keys) => (keys.listed, keys.cut.map(Trace::from)),
        Err(error) => (Vec::new(), Some(error.into())),
    };
    if let Some(Trace(reason)) = ended_by {
        tracing::warn!(listed = keys.len(), %reason, "a component got a part of a bucket's keys");
    }
    keys
}
