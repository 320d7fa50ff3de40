//! `wasi:keyvalue@0.1.0`: values and errors are resources, and a missing key is `none`.

use bytes::Bytes;
use keywell_store::Result;
use wasmtime::StoreContextMut;
use wasmtime::component::Resource;

use crate::cache;
use crate::calls::keys::Keys;
use crate::calls::store;
use crate::calls::valued::{self, answer, batch, entry, types};
use crate::descriptor::{Descriptor, Imported};
use crate::interface::{Interface, Link};
use crate::keyvalue::KeyvalueView;
use crate::values::{ErrorHandle, IncomingHandle};

pub(crate) const DESCRIPTOR: Descriptor = Descriptor {
    package: "wasi:keyvalue",
    name: "0.1.0",
    version: "0.1.0",
    interfaces: &[
        "wasi-keyvalue-error",
        "types",
        "eventual",
        "eventual-batch",
        "atomic",
        "cache",
    ],
    fits: |imported| !consumes_statically(imported),
    watcher: Some("wasi:keyvalue/handle-watch@0.1.0"),
};

/// The description of a component that consumes values by static functions.
pub(crate) const STATIC_VARIANT: &str = "a variant of wasi:keyvalue whose functions \
    incoming-value-consume-sync and -async are static and take the value, which is not offered; \
    build the component with the functions as methods, as in wit/keyvalue-0.1.0 and wit/keyvalue";

pub(crate) fn link<T: KeyvalueView>(interface: &str) -> Option<Link<T>> {
    match interface {
        "wasi-keyvalue-error" => Some(types::link_error),
        "types" => Some(link_types),
        "eventual" => Some(eventual),
        "eventual-batch" => Some(eventual_batch),
        "atomic" => Some(valued::atomic::link),
        "cache" => Some(cache::link),
        _ => None,
    }
}

/// Whether values are consumed by static functions that take them, which is another shape of the
/// same name.
pub(crate) fn consumes_statically(imported: &Imported<'_>) -> bool {
    let consumes = |how| {
        let name = format!("[static]incoming-value.incoming-value-consume-{how}");
        imported.function("types", &name).is_some()
    };
    consumes("sync") || consumes("async")
}

fn link_types<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    types::link(interface)?;
    interface.call(
        "[method]incoming-value.incoming-value-size",
        types::size,
        answer,
    )
}

fn eventual<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    entry::link(interface)?;
    interface.call("get", store::get, found)
}

fn eventual_batch<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    batch::link(interface)?;
    interface.call("get-many", batch::get_many, found_many)?;
    interface.listing("keys", batch::keys, listed)
}

fn found<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    found: Result<Option<Bytes>>,
) -> Result<Option<Resource<IncomingHandle>>, Resource<ErrorHandle>> {
    let found = answer(store, found)?;
    let keyvalue = store.data_mut().keyvalue_mut();
    let added = found.map(|bytes| keyvalue.add_incoming(bytes)).transpose();
    added.map_err(|trace| keyvalue.add_trace(trace))
}

fn found_many<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    found: Result<Vec<Option<Bytes>>>,
) -> Result<Vec<Option<Resource<IncomingHandle>>>, Resource<ErrorHandle>> {
    let found = answer(store, found)?;
    let keyvalue = store.data_mut().keyvalue_mut();
    let added = keyvalue.add_all_incoming(found);
    added.map_err(|trace| keyvalue.add_trace(trace))
}

fn listed<T: KeyvalueView>(
    store: &mut StoreContextMut<'_, T>,
    keys: Result<Keys>,
) -> Result<Vec<String>, Resource<ErrorHandle>> {
    let keys = answer(store, keys)?;
    match keys.cut {
        None => Ok(keys.listed),
        Some(cut) => Err(store.data_mut().keyvalue_mut().add_trace(cut.into())),
    }
}
