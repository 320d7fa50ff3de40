//! `fermyon:spin/key-value`, in both of its versions: what Spin's SDKs use, over the same buckets
//! and calls as `wasi:keyvalue`.
//!
//! A store of Spin is a bucket, and its label the bucket's name: a component may open what it is
//! granted. `get-keys` answers the whole list, or an error where the list is larger than what the
//! host may hold for the instance.

mod numbers;
mod one;
mod two;

pub(crate) use numbers::Numbers;

use wasmtime::component::Component;

use crate::interface::Link;
use crate::keyvalue::KeyvalueView;

/// The interface, in the version without a number and in the later one.
const ONE: &str = "fermyon:spin/key-value";
const TWO: &str = "fermyon:spin/key-value@2.0.0";

/// The interfaces of Spin's key-value that a component imports and [`link`](crate::link) links.
pub fn spin_imports(component: &Component) -> Vec<&'static str> {
    let component_type = component.component_type();
    let engine = component.engine();
    let known = [ONE, TWO].into_iter();
    let imported = known.filter(|known| {
        component_type
            .imports(engine)
            .any(|(name, _)| name == *known)
    });
    imported.collect()
}

/// What links one of its interfaces.
pub(crate) fn link<T: KeyvalueView>(interface: &str) -> Option<Link<T>> {
    match interface {
        ONE => Some(one::link),
        TWO => Some(two::link),
        _ => None,
    }
}
