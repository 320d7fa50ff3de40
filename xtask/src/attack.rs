use crate::process::{Done, cargo, run, target};
use crate::{setup, stores};

// Known here, too, as what would print it takes long to build.
const USAGE: &str = include_str!("../attack/usage.txt");

/// Attacks the program; the attacks are in the crate in `xtask/attack`.
pub(crate) fn attack(arguments: &[&str]) -> Done {
    if let ["--help" | "-h"] = arguments {
        print!("{USAGE}");
        return Ok(());
    }
    setup::target()?;
    stores::all().servers()?;
    setup::guests()?;
    let mut attack = cargo();
    attack.args(["run", "--locked", "-p", "keywell-attack", "--"]);
    attack.args(arguments);
    if !arguments.contains(&"--program") {
        // What a test attacks has to be quick to build, and what is attacked at length is what ships.
        let (profile, folder) = if arguments.contains(&"--long") {
            (&["--release"][..], "release")
        } else {
            (&[][..], "debug")
        };
        let build = ["build", "--locked", "-p", "keywell"];
        run(cargo().args(build).args(profile))?;
        let program = target().join(folder).join("keywell");
        attack.arg("--program").arg(program);
    }
    run(&mut attack)
}
