//! `wasmcloud:keyvalue@0.2.0`, whose functions are async.
//!
//! Its buckets are those of `wasi:keyvalue`, by the same grants and behind the same layers. A store
//! that lacks times to live, counters or compare-and-swap answers an error to what needs them.

mod atomics;
mod batch;
mod cas;
mod error;
mod types;

use wasmtime::component::Component;

use crate::calls;
use crate::interface::{Interface, Link};
use crate::keyvalue::KeyvalueView;
use crate::version::is_compatible;

const TYPES: &str = "wasmcloud:keyvalue/types@0.2.0";
const STORE: &str = "wasmcloud:keyvalue/store@0.2.0";
const ATOMICS: &str = "wasmcloud:keyvalue/atomics@0.2.0";
const BATCH: &str = "wasmcloud:keyvalue/batch@0.2.0";
const CAS: &str = "wasmcloud:keyvalue/cas@0.2.0";

/// The interfaces of `wasmcloud:keyvalue@0.2.0` that a component imports, in this or in a later
/// patch release, and [`link`](crate::link) links.
pub fn wasmcloud_imports(component: &Component) -> Vec<&'static str> {
    let component_type = component.component_type();
    let engine = component.engine();
    let known = [TYPES, STORE, ATOMICS, BATCH, CAS].into_iter();
    let imported = known.filter(|known| {
        component_type
            .imports(engine)
            .any(|(name, _)| is_compatible(known, name))
    });
    imported.collect()
}

/// What links one of its interfaces.
pub(crate) fn link<T: KeyvalueView>(interface: &str) -> Option<Link<T>> {
    match interface {
        TYPES => Some(types::link),
        STORE => Some(link_store),
        ATOMICS => Some(atomics::link),
        BATCH => Some(batch::link),
        CAS => Some(cas::link),
        _ => None,
    }
}

fn link_store<T: KeyvalueView>(interface: &mut Interface<'_, T>) -> wasmtime::Result<()> {
    interface.task("open", calls::store::open, types::opened)
}
