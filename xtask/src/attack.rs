use crate::process::{Done, cargo, run};
use crate::setup;

/// Attacks the program; the attacks are in the crate in `xtask/attack`.
pub(crate) fn attack(arguments: &[&str]) -> Done {
    setup::target()?;
    setup::servers()?;
    setup::guests()?;
    // What a test attacks has to be quick to build, and what is attacked at length is what ships.
    let profile: &[&str] = if arguments.contains(&"--long") {
        &["--release"]
    } else {
        &[]
    };
    if !arguments.contains(&"--program") {
        let build = ["build", "--locked", "-p", "keywell"];
        run(cargo().args(build).args(profile))?;
    }
    run(cargo()
        .args(["run", "--locked", "-p", "keywell-attack"])
        .args(profile)
        .arg("--")
        .args(arguments))
}
