use crate::process::{Done, cargo, run};
use crate::setup;

/// Measures; the figures are made by the crate in `xtask/bench`.
pub(crate) fn bench(arguments: &[&str]) -> Done {
    setup::target()?;
    setup::guests()?;
    run(cargo().args(["build", "--locked", "--release", "-p", "keywell"]))?;
    let bench = ["run", "--locked", "--release", "-p", "keywell-bench", "--"];
    run(cargo().args(bench).args(arguments))
}
