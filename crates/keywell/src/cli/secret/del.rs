use clap::Args;
use keywell_state::{Name, Secrets};

use crate::cli::kv::Stop;

/// Remove a secret.
///
/// Where there is no such secret, it says so and ends with exit code 1.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell secret del redis-password")]
pub(super) struct Del {
    /// The secret.
    #[arg(value_name = "NAME")]
    name: Name,
}

// === impl Del ===

impl Del {
    pub(super) fn run(self, secrets: &Secrets) -> Result<(), Stop> {
        if secrets.delete(&self.name)? {
            return Ok(());
        }
        let name = self.name;
        Err(Stop::failure(format!("there is no secret {name}")))
    }
}
