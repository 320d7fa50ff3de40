use std::path::PathBuf;

pub(crate) fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A guest's file.
pub(crate) fn guest(name: &str) -> PathBuf {
    root()
        .join("guests/target/wasm32-wasip2/release")
        .join(name)
        .with_extension("wasm")
}
