//! Tools that several languages use.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use super::fresh;
use super::places::{kept, sources};
use crate::process::{Done, cargo, run};
use crate::setup;

pub(super) const WIT_BINDGEN: &str = "wit-bindgen-cli@0.63.0";
pub(super) const WASM_TOOLS: &str = "wasm-tools@1.263.0";

/// Generates bindings for C and Go.
pub(super) fn wit_bindgen() -> Done<PathBuf> {
    static MADE: LazyLock<Done<PathBuf>> =
        LazyLock::new(|| of_cargo("wit-bindgen", WIT_BINDGEN, "c,go"));
    MADE.clone()
}

/// Writes into a core module which interfaces it has, for Go, whose compiler cannot.
pub(super) fn wasm_tools() -> Done<PathBuf> {
    static MADE: LazyLock<Done<PathBuf>> =
        LazyLock::new(|| of_cargo("wasm-tools", WASM_TOOLS, "component"));
    MADE.clone()
}

/// Installs a program from its source, unless that version is there. Where several languages need it,
/// the first has it installed and the others wait: Cargo cannot install one twice at a time.
fn of_cargo(program: &str, package: &str, features: &str) -> Done<PathBuf> {
    let folder = kept().join("cargo");
    let installed = folder
        .join("bin")
        .join(program)
        .with_extension(std::env::consts::EXE_EXTENSION);
    fresh::make(
        std::slice::from_ref(&installed),
        &[],
        &[package, features],
        || {
            let mut cargo = cargo();
            // Without optimisation: they take longer to be built than they run.
            cargo.args([
                "install",
                "--debug",
                "--locked",
                "--force",
                "--no-track",
                package,
            ]);
            cargo.args(["--no-default-features", "--features", features]);
            cargo
                .arg("--root")
                .arg(&folder)
                .arg("--target-dir")
                .arg(folder.join("build"));
            run(&mut cargo)
        },
    )?;
    Ok(installed)
}

/// Installs what a `requirements.txt` pins, and answers the folder.
pub(super) fn of_python(language: &str) -> Done<PathBuf> {
    let folder = kept().join(language);
    setup::install_pinned(&sources(language), "requirements.txt", &folder, |kept| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"])
            .args(["--disable-pip-version-check", "--root-user-action=ignore"])
            .arg("--target")
            .arg(kept)
            .arg("-r")
            .arg(sources(language).join("requirements.txt"));
        run(&mut pip).map_err(|problem| {
            format!(
                "{problem}. It needs Python 3.10 or newer with pip; Debian and Ubuntu: apt-get \
                 install python3-pip"
            )
        })
    })?;
    Ok(folder)
}

/// Runs `wit-bindgen` of a language.
pub(super) fn bindings(
    language: &str,
    world: &str,
    wit: &Path,
    options: &[&str],
    into: &Path,
) -> Done {
    let mut generate = Command::new(wit_bindgen()?);
    generate.args([language, "--world", world]).args(options);
    run(generate.arg("--out-dir").arg(into).arg(wit))
}
