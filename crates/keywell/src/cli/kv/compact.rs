use std::process::ExitCode;

use clap::Args;
use keywell_store::{Maintenance, Store};

use super::Stop;

/// Give the space of what was deleted from a disk store back to the file system.
///
/// The data is copied into a new file, so it needs the space of what is kept a second time
/// meanwhile. While another process of this user has the store open, that process compacts it, and
/// reads and writes wait only at the end.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell kv compact --store disk:visits")]
pub(super) struct Compact {}

// === impl Compact ===

impl Compact {
    pub(super) async fn run(self, store: &dyn Store) -> Result<ExitCode, Stop> {
        store.maintain(Maintenance::Compact).await?;
        Ok(ExitCode::SUCCESS)
    }
}
