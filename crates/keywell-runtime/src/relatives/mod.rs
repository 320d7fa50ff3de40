//! Interfaces beside WASI 0.2 and `wasi:keyvalue` that every component is offered: configuration
//! values, the log, secrets, and the choice between links.

mod config;
mod lattice;
mod logging;
mod secrets;
mod variables;

use wasmtime::component::{Linker, LinkerInstance};

use crate::state::State;

type Link = fn(&mut LinkerInstance<'_, State>) -> wasmtime::Result<()>;

/// The interfaces, and what links the functions of each.
const OFFERED: [(&str, Link); 12] = [
    ("fermyon:spin/config", variables::link_config),
    ("fermyon:spin/variables@2.0.0", variables::link_variables),
    ("wasi:config/runtime@0.2.0-draft", config::link),
    ("wasi:config/store@0.2.0-draft", config::link),
    ("wasi:config/store@0.2.0-rc.1", config::link),
    ("wasi:logging/logging", logging::link),
    ("wasi:logging/logging@0.1.0-draft", logging::link),
    ("wasmcloud:bus/lattice@1.0.0", lattice::link_unchecked),
    ("wasmcloud:bus/lattice@2.0.0", lattice::link_checked),
    ("wasmcloud:bus/lattice@2.0.1", lattice::link_checked),
    ("wasmcloud:secrets/reveal@0.1.0-draft", secrets::link_reveal),
    ("wasmcloud:secrets/store@0.1.0-draft", secrets::link_store),
];

/// Links all of them.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    for (interface, link) in OFFERED {
        link(&mut linker.instance(interface)?)?;
    }
    Ok(())
}

/// Whether an interface of this name, with its version, is one of them.
pub(crate) fn is_offered(interface: &str) -> bool {
    OFFERED.iter().any(|(name, _)| *name == interface)
}

/// The versions that are offered of a package, for messages.
pub(crate) fn versions(package: &str) -> Vec<&'static str> {
    let interfaces = OFFERED.iter().filter_map(|(name, _)| {
        let (path, version) = name.split_once('@').unwrap_or((name, ""));
        let is_of_package = path.split('/').next() == Some(package);
        is_of_package.then_some(version)
    });
    let mut versions: Vec<_> = interfaces.collect();
    versions.sort_unstable();
    versions.dedup();
    versions
}
