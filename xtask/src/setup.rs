use std::path::PathBuf;
use std::process::Command;

use crate::process::{Done, cargo, root, run, works};

const TARGET: &str = "wasm32-wasip2";

/// Installs the target that components are built for, if it is missing.
pub(crate) fn target() -> Done {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = sysroot.map_err(|error| format!("cannot run rustc: {error}"))?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    if sysroot.join("lib/rustlib").join(TARGET).exists() {
        return Ok(());
    }
    if !works(Command::new("rustup").arg("--version")) {
        return Err(format!(
            "Rust's target {TARGET} is missing, and so is rustup, which installs it; see \
             https://rustup.rs, or install the target the way this Rust was installed"
        ));
    }
    run(Command::new("rustup").args(["target", "add", TARGET]))
}

/// Builds the guests from source.
pub(crate) fn guests() -> Done {
    let build = [
        "build",
        "--release",
        "--locked",
        "--manifest-path",
        "guests/Cargo.toml",
    ];
    run(guests_cargo().args(build))
}

/// Cargo for the guests' workspace. They are built for another target than all else, which their
/// folder's configuration says only to a Cargo that is started there.
pub(crate) fn guests_cargo() -> Command {
    let mut cargo = cargo();
    cargo
        .env("CARGO_BUILD_TARGET", TARGET)
        .env("CARGO_TARGET_DIR", root().join("guests/target"));
    cargo
}

/// The file of a guest.
pub(crate) fn guest(name: &str) -> PathBuf {
    root()
        .join("guests/target")
        .join(TARGET)
        .join("release")
        .join(name)
        .with_extension("wasm")
}
