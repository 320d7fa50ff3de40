use std::path::PathBuf;
use std::process::Command;

use crate::setup;

/// The suite's components.
pub(crate) const GENERATIONS: [&str; 6] = [
    "draft",
    "draft2",
    "draft2-pairs",
    "0-1-0",
    "unversioned",
    "keywell",
];

/// The one that every host here has.
pub(crate) const BUCKET: &str = "";

/// One column: a program that runs the suite.
pub(crate) struct Host {
    pub(crate) heading: String,
    /// The generations it is asked about, by their place in `GENERATIONS`.
    pub(crate) generations: &'static [usize],
    /// The program, what comes before the component, and what comes after.
    pub(crate) program: PathBuf,
    pub(crate) before: &'static [&'static str],
    pub(crate) after: Vec<String>,
}

// === impl Host ===

impl Host {
    /// Runs the suite's component of a generation with these arguments.
    pub(crate) fn command(&self, generation: usize, arguments: &[&str]) -> Command {
        let component = setup::guest(&format!("conformance-{}", GENERATIONS[generation]));
        let mut command = Command::new(&self.program);
        command.args(self.before).arg(component);
        command.args(&self.after).args(arguments);
        command
    }
}
