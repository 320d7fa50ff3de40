use clap::Args;
use keywell_state::Secrets;

use crate::cli::kv::{Sink, Stop};

/// Print the names of all secrets, one a line.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell secret list")]
pub(super) struct List {}

// === impl List ===

impl List {
    #[allow(clippy::unused_self, reason = "as all subcommands")]
    pub(super) fn run(self, secrets: &Secrets, out: &mut Sink<'_>) -> Result<(), Stop> {
        for name in secrets.names()? {
            out.put(format!("{name}\n").as_bytes())?;
        }
        Ok(())
    }
}
