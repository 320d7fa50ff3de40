use std::path::PathBuf;

use super::places::kept;
use super::{fresh, wit};
use crate::process::Done;

/// Where the components are.
pub(super) fn components() -> PathBuf {
    kept().join("components")
}

/// The file of a component.
pub(super) fn component(language: &str, name: &str) -> PathBuf {
    components().join(format!("{language}-{name}.wasm"))
}

/// Builds a component, unless it was built from the same sources, WIT and tools.
pub(super) fn component_from(
    (language, name): (&str, &str),
    sources: &[PathBuf],
    tools: &[&str],
    build: impl FnOnce(&PathBuf) -> Done,
) -> Done {
    std::fs::create_dir_all(components())
        .map_err(|error| format!("cannot create {}: {error}", components().display()))?;
    let output = component(language, name);
    let mut inputs = sources.to_vec();
    inputs.push(wit::folder(wit::RELEASE));
    fresh::make(std::slice::from_ref(&output), &inputs, tools, || {
        build(&output)
    })
}
