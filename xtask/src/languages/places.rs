use std::path::PathBuf;

use crate::process::root;

/// The sources of a language.
pub(super) fn sources(language: &str) -> PathBuf {
    root().join("examples/languages").join(language)
}

/// Where toolchains, bindings and components are kept.
pub(super) fn kept() -> PathBuf {
    root().join("target/languages")
}
