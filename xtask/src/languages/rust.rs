use super::build::{component, component_from};
use super::places::{kept, sources};
use crate::process::{Done, cargo, run};
use crate::setup;

/// The components of the workspace in `examples/languages/rust`, each with the name of its file.
const COMPONENTS: [(&str, &str); 5] = [
    ("counter", "counter.wasm"),
    ("runs", "runs.wasm"),
    ("counter-wstd", "counter-wstd.wasm"),
    ("runs-wstd", "runs-wstd.wasm"),
    ("counter-spin", "counter_spin.wasm"),
];

pub(super) fn build() -> Done {
    setup::target()?;
    let target = kept().join("rust");
    run(cargo()
        .args(["build", "--release", "--locked", "--target", setup::TARGET])
        .arg("--manifest-path")
        .arg(sources("rust").join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target))?;
    for (name, file) in COMPONENTS {
        let built = target.join(setup::TARGET).join("release").join(file);
        component_from(("rust", name), std::slice::from_ref(&built), &[], |_| {
            std::fs::copy(&built, component("rust", name))
                .map(drop)
                .map_err(|error| format!("cannot copy {}: {error}", built.display()))
        })?;
    }
    Ok(())
}
