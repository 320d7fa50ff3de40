//! Spin's key-value, in its three versions: `fermyon:spin/key-value`, without a version and at 2.0.0,
//! and `spin:key-value` at 3.0.0, whose functions are async. They are over the same buckets and calls
//! as `wasi:keyvalue`.
//!
//! A store of Spin is a bucket, and its label the bucket's name: a component may open what it is
//! granted. `get-keys` answers the whole list, or an error where the list is larger than what the
//! host may hold for the instance; at 3.0.0 it is a stream, page by page.

mod error;
mod listing;
mod numbers;
mod one;
mod three;
mod two;

pub(crate) use numbers::Numbers;

use wasmtime::component::Component;

use crate::interface::Link;
use crate::keyvalue::KeyvalueView;
use crate::version::is_compatible;

/// The interface, in the version without a number and in the later ones.
const ONE: &str = "fermyon:spin/key-value";
const TWO: &str = "fermyon:spin/key-value@2.0.0";
const THREE: &str = "spin:key-value/key-value@3.0.0";

/// The interfaces of Spin's key-value that a component imports, in these or in compatible versions,
/// and [`link`](crate::link) links.
pub fn spin_imports(component: &Component) -> Vec<&'static str> {
    let component_type = component.component_type();
    let engine = component.engine();
    let known = [ONE, TWO, THREE].into_iter();
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
        ONE => Some(one::link),
        TWO => Some(two::link),
        THREE => Some(three::link),
        _ => None,
    }
}
