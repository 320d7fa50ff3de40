use std::process::ExitCode;

use clap::Args;
use keywell_store::Store;

use super::{Sink, Stop};

/// List the buckets of the store that hold something, one a line.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell kv buckets --store disk:visits")]
pub(super) struct Buckets {
    /// Print each name as a JSON string.
    #[arg(long)]
    json: bool,
}

// === impl Buckets ===

impl Buckets {
    pub(super) async fn run(self, store: &dyn Store, out: &mut Sink<'_>) -> Result<ExitCode, Stop> {
        for name in store.buckets().await? {
            if self.json {
                out.json(&name.as_str())?;
            } else {
                // A bucket's name has no line ends in it.
                out.name(name.as_str())?;
                out.put(b"\n")?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
