use crate::process::{Done, cargo, run};
use crate::setup;

// Known here, too, as what would print it takes long to build.
const USAGE: &str = include_str!("../bench/usage.txt");

/// Measures; the figures are made by the crate in `xtask/bench`.
pub(crate) fn bench(arguments: &[&str]) -> Done {
    if let ["--help" | "-h"] = arguments {
        print!("{USAGE}");
        return Ok(());
    }
    setup::target()?;
    setup::guests()?;
    let build = ["build", "--locked", "--release", "-p"];
    run(cargo().args(build).arg("keywell"))?;
    // Features are shared by all that is built together, so the peer, which has all of Wasmtime's, is built alone.
    let peer = [
        "--features",
        "wasmtime-defaults",
        "--bin",
        "keywell-bench-peer",
    ];
    run(cargo().args(build).arg("keywell-bench").args(peer))?;
    let bench = ["run", "--locked", "--release", "-p", "keywell-bench", "--"];
    run(cargo().args(bench).args(arguments))
}
