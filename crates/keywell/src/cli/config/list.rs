use clap::Args;
use keywell_state::ConfigSets;

use crate::cli::kv::{Sink, Stop};

/// Print the names of all sets, one a line.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell config list")]
pub(super) struct List {}

// === impl List ===

impl List {
    #[allow(clippy::unused_self, reason = "as all subcommands")]
    pub(super) fn run(self, sets: &ConfigSets, out: &mut Sink<'_>) -> Result<(), Stop> {
        for name in sets.names()? {
            out.put(format!("{name}\n").as_bytes())?;
        }
        Ok(())
    }
}
