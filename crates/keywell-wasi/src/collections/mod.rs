//! `keywell:collections@0.1.0`: texts, counters, lists and sets under keys.
//!
//! Its buckets are those of `wasi:keyvalue` and `keywell:keyvalue`, by the same grants and behind the
//! same layers. They are opened on the link of `keywell:keyvalue`.

mod error;
mod lists;
mod values;

use wasmtime::component::Component;

use crate::interface::{Interface, Link};
use crate::keyvalue::KeyvalueView;
use crate::version::is_compatible;

const STORE: &str = "keywell:collections/store@0.1.0";

/// The interfaces of `keywell:collections` that a component imports and [`link`](crate::link) links.
pub fn collections_imports(component: &Component) -> Vec<&'static str> {
    let component_type = component.component_type();
    let mut imports = component_type.imports(component.engine());
    let is_imported = imports.any(|(name, _)| is_compatible(STORE, name));
    is_imported.then_some(STORE).into_iter().collect()
}

/// What links one of its interfaces.
pub(crate) fn link<T: KeyvalueView>(interface: &str) -> Option<Link<T>> {
    (interface == STORE).then_some(link_store)
}

fn link_store<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    values::link(interface)?;
    lists::link(interface)
}
