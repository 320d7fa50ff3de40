use clap::Args;
use keywell_state::{ConfigSets, Name};

use crate::cli::kv::Stop;

/// Remove a set.
///
/// Where there is no such set, it says so and ends with exit code 1.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell config del shop")]
pub(super) struct Del {
    /// The set.
    #[arg(value_name = "NAME")]
    name: Name,
}

// === impl Del ===

impl Del {
    pub(super) fn run(self, sets: &ConfigSets) -> Result<(), Stop> {
        if sets.delete(&self.name)? {
            return Ok(());
        }
        let name = self.name;
        Err(Stop::failure(format!(
            "there is no configuration set {name}"
        )))
    }
}
