use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use keywell_store::{Maintenance, Store};

use super::Stop;

/// Copy a disk store, as it is at one instant, into a new folder.
///
/// The copy is a store of its own, with all buckets and their history. While another process of this
/// user has the store open, that process makes the copy, and goes on meanwhile.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell kv backup backups/monday --store disk:visits")]
pub(super) struct Backup {
    /// The folder, which has no store yet.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

// === impl Backup ===

impl Backup {
    pub(super) async fn run(self, store: &dyn Store) -> Result<ExitCode, Stop> {
        // Another process has another current folder.
        let folder = std::path::absolute(&self.folder).map_err(|error| {
            let folder = self.folder.display();
            Stop::failure(format!("cannot back up into {folder}: {error}"))
        })?;
        store.maintain(Maintenance::Backup(folder)).await?;
        Ok(ExitCode::SUCCESS)
    }
}
