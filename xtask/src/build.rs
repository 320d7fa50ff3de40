//! What the demonstrations need, built as quickly as it can be.

use std::path::PathBuf;

use crate::process::{Done, cargo, run, target};
use crate::setup;
use crate::steps::Steps;

/// Cargo's profile: optimised, without the link-time optimisation that takes most of the time.
const PROFILE: &str = "demo";
/// What a first build takes of a processor, in minutes.
const MINUTES: usize = 13;
/// What it takes at least, however many processors there are: some crates wait for others.
const AT_LEAST: usize = 2;

/// The program that demonstrations run.
pub(crate) fn program() -> PathBuf {
    target().join(PROFILE).join("keywell")
}

/// Builds the program, with every store, and a guest, in steps.
pub(crate) fn build(guest: &str) -> Done {
    build_with(guest, &[])
}

/// Builds the program with the stores of these features alone, and a guest. The clients of the other
/// stores are not compiled.
pub(crate) fn build_with_stores(guest: &str, stores: &[&str]) -> Done {
    let features = format!("program,{}", stores.join(","));
    build_with(guest, &["--no-default-features", "--features", &features])
}

fn build_with(guest: &str, features: &[&str]) -> Done {
    let mut steps = Steps::new(3);
    steps.step("Rust's target for components", setup::target)?;
    let what = format!("The component {guest}, from guests/{guest}");
    steps.step(&what, || setup::guest_alone(guest))?;
    steps.step(&format!("Keywell{}", estimate()), || {
        let build = ["build", "--locked", "--profile", PROFILE, "-p", "keywell"];
        run(cargo().args(build).args(features))
    })
}

/// How long that may take, where nothing is built yet.
fn estimate() -> String {
    if program().exists() {
        return String::new();
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let minutes = MINUTES.div_ceil(cores).max(AT_LEAST);
    format!(
        ": its first build compiles Wasmtime, too, which takes {minutes} to {} minutes on {cores} \
         cores",
        minutes + minutes.div_ceil(3)
    )
}
