use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

use super::output;
use crate::cli::failed::Ended;

/// Print a script that completes the command line in a shell.
#[derive(Args)]
#[command(
    after_help = "Example:\n  keywell completions bash > ~/.local/share/bash-completion/completions/keywell"
)]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

// === impl Completions ===

impl Completions {
    pub(super) fn main(self, mut command: Command) -> Ended {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "keywell", &mut script);
        output::print(&String::from_utf8_lossy(&script))?;
        Ok(ExitCode::SUCCESS)
    }
}
