//! Interfaces beside WASI 0.2 and `wasi:keyvalue` that every component is offered: configuration
//! values, the log, secrets, and the choice between links.

mod config;
mod lattice;
mod logging;
mod secrets;
mod variables;

use keywell_wasi::is_compatible;
use wasmtime::component::{Linker, LinkerInstance};

use crate::state::State;

type Link = fn(&mut LinkerInstance<'_, State>) -> wasmtime::Result<()>;

/// The interfaces, and what links the functions of each.
const OFFERED: [(&str, Link); 13] = [
    ("fermyon:spin/config", variables::link_config),
    ("fermyon:spin/variables@2.0.0", variables::link_variables),
    ("wasi:config/runtime@0.2.0-draft", config::link),
    ("wasi:config/store@0.2.0-draft", config::link),
    ("wasi:config/store@0.2.0-draft-2024-09-27", config::link),
    ("wasi:config/store@0.2.0-rc.1", config::link),
    ("wasi:logging/logging", logging::link),
    ("wasi:logging/logging@0.1.0-draft", logging::link),
    ("wasmcloud:bus/lattice@1.0.0", lattice::link_unchecked),
    ("wasmcloud:bus/lattice@2.0.0", lattice::link_checked),
    ("wasmcloud:bus/lattice@2.0.1", lattice::link_checked),
    ("wasmcloud:secrets/reveal@0.1.0-draft", secrets::link_reveal),
    ("wasmcloud:secrets/store@0.1.0-draft", secrets::link_store),
];

/// Those whose functions are async, for components that run several tasks.
const ASYNC: [(&str, Link); 1] = [("spin:variables/variables@3.0.0", variables::link_async)];

/// Links all of them but those that are async.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    link_each(linker, &OFFERED)
}

/// Links those that are async.
pub(crate) fn link_async(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    link_each(linker, &ASYNC)
}

fn link_each(linker: &mut Linker<State>, interfaces: &[(&str, Link)]) -> wasmtime::Result<()> {
    for (interface, link) in interfaces {
        link(&mut linker.instance(interface)?)?;
    }
    Ok(())
}

fn all() -> impl Iterator<Item = &'static str> {
    let interfaces = OFFERED.iter().chain(&ASYNC);
    interfaces.map(|(name, _)| *name)
}

/// Whether an interface of this name is one of them, in its version or in a compatible one.
pub(crate) fn is_offered(interface: &str) -> bool {
    all().any(|name| is_compatible(name, interface))
}

/// The versions that are offered of a package, for messages.
pub(crate) fn versions(package: &str) -> Vec<&'static str> {
    let interfaces = all().filter_map(|name| {
        let (path, version) = name.split_once('@').unwrap_or((name, ""));
        let is_of_package = path.split('/').next() == Some(package);
        is_of_package.then_some(version)
    });
    let mut versions: Vec<_> = interfaces.collect();
    versions.sort_unstable();
    versions.dedup();
    versions
}
