//! Other systems than the one that most tests are written for, which is Linux.

use crate::demo::{self, Then};
use crate::process::{Done, cargo, run};
use crate::setup;

/// A system that `test` compiles for besides this one.
struct Target {
    name: &'static str,
    /// What is compiled, with all that it needs.
    packages: &'static [&'static str],
}

const TARGETS: [Target; 2] = [
    Target {
        name: "x86_64-pc-windows-gnu",
        packages: &["keywell"],
    },
    // Without Wasmtime, and so without keywell-wasi, -runtime and -app and the program: it takes
    // minutes, and what they use of the system is in the crates here.
    Target {
        name: "aarch64-apple-darwin",
        packages: &[
            "keywell-candidates",
            "keywell-client",
            "keywell-config",
            "keywell-control",
            "keywell-disk",
            "keywell-export",
            "keywell-folder",
            "keywell-image",
            "keywell-journal",
            "keywell-memory",
            "keywell-nats",
            "keywell-redis",
            "keywell-sqlite",
            "keywell-state",
            "keywell-store",
            "keywell-system",
        ],
    },
];

/// The crates whose tests are for every system. Those of others start servers and shells, read
/// `/proc`, and send signals.
const EVERYWHERE: [&str; 11] = [
    "keywell-candidates",
    "keywell-config",
    "keywell-control",
    "keywell-disk",
    "keywell-export",
    "keywell-folder",
    "keywell-memory",
    "keywell-sqlite",
    "keywell-state",
    "keywell-store",
    "keywell-system",
];

/// The stores whose suite the program runs on every system.
const STORES: [&str; 3] = [
    "memory:",
    "disk:target/systems/disk",
    "sqlite:target/systems/store.db",
];

/// Compiles for other systems, as far as errors in the code need it, with the stores that the
/// program has by default.
///
/// The objects of C code (`SQLite`, mimalloc, ring) are needed for linking alone, which this does not
/// do. So a compiler that does nothing stands in for one, and no system needs another's headers.
pub(crate) fn check() -> Done {
    for target in &TARGETS {
        setup::rust_target(target.name)?;
        let mut check = cargo();
        check.args(["check", "--locked", "--target", target.name]);
        check.args(target.packages.iter().flat_map(|name| ["-p", *name]));
        let name = target.name.replace('-', "_");
        for tool in ["CC", "CXX", "AR"] {
            check.env(format!("{tool}_{name}"), "true");
        }
        run(&mut check)?;
    }
    Ok(())
}

/// Runs the tests that are for every system on this one, the demonstration, and the suite for
/// stores by the program.
pub(crate) fn test_here() -> Done {
    let packages = || EVERYWHERE.iter().flat_map(|name| ["-p", *name]);
    run(cargo().args(["fmt", "--all", "--check"]))?;
    let clippy = ["clippy", "--locked", "--all-targets"];
    run(cargo()
        .args(clippy)
        .args(packages())
        .args(["--", "-D", "warnings"]))?;
    let test = ["test", "--locked", "--lib", "--bins", "--tests"];
    run(cargo().args(test).args(packages()))?;
    demo::demo(Then::End)?;
    for store in STORES {
        let run_keywell = ["run", "--locked", "-p", "keywell", "--"];
        run(cargo()
            .args(run_keywell)
            .args(["conformance", "--store", store]))?;
    }
    eprintln!("\nall passed that is for every system; `cargo xtask test` on Linux runs the rest");
    Ok(())
}
