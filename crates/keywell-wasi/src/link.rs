use wasmtime::component::{Component, Linker};

use crate::collections;
use crate::generation;
use crate::grants::Grants;
use crate::interface::Interface;
use crate::keyvalue::KeyvalueView;
use crate::spin;
use crate::wasmcloud;

/// Links every generation of `wasi:keyvalue` that a component imports, `keywell:collections`,
/// Spin's key-value, and `wasmcloud:keyvalue`.
///
/// An interface that is not known (see [`imports`](crate::imports)) is left out; instantiation then
/// names it.
///
/// # Errors
///
/// When the linker already has one of the interfaces.
pub fn link<T: KeyvalueView>(
    linker: &mut Linker<T>,
    component: &Component,
    grants: &Grants,
) -> wasmtime::Result<()> {
    let promptness = grants.promptness();
    for import in generation::imports(component) {
        let Some(generation) = import.generation else {
            continue;
        };
        if let Some(link) = generation.link(&import.interface) {
            let instance = linker.instance(&import.name)?;
            link(&mut Interface::new(instance, promptness))?;
        }
    }
    for name in collections::collections_imports(component) {
        if let Some(link) = collections::link(name) {
            let instance = linker.instance(name)?;
            link(&mut Interface::new(instance, promptness))?;
        }
    }
    for name in wasmcloud::wasmcloud_imports(component) {
        if let Some(link) = wasmcloud::link(name) {
            let instance = linker.instance(name)?;
            link(&mut Interface::new(instance, promptness))?;
        }
    }
    for name in spin::spin_imports(component) {
        if let Some(link) = spin::link(name) {
            let instance = linker.instance(name)?;
            link(&mut Interface::new(instance, promptness))?;
        }
    }
    Ok(())
}
