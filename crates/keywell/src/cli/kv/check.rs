use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use keywell::disk::{DiskStore, OpenError, Salvaged};
use keywell_export::Line;
use keywell_store::{BucketName, Error};

use crate::cli::draft::Draft;
use crate::cli::failed::{Ended, Failed};
use crate::cli::output;
use crate::cli::store::StoreArguments;

/// Read all of a disk store, and report what is damaged.
///
/// The store must not be open; of one that is, check a backup or a copy of its folder. Nothing is
/// changed. If something is damaged, it ends with exit code 1.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    keywell kv check --store disk:visits\n  \
    keywell kv check --store disk:visits --salvage whole.jsonl --bucket words")]
pub(super) struct Check {
    /// Write those keys of the bucket that can be read to this file, in no order, as JSON lines
    /// that `keywell kv import` reads.
    #[arg(long, value_name = "FILE")]
    salvage: Option<PathBuf>,
}

// === impl Check ===

impl Check {
    pub(super) async fn main(self, store: StoreArguments, bucket: BucketName) -> Ended {
        let folder = folder(&store)?;
        let checking = tokio::task::spawn_blocking(move || self.run(&folder, &bucket));
        match checking.await {
            Ok(ended) => ended,
            Err(error) => Err(Failed::because("the check ended early", error)),
        }
    }

    fn run(self, folder: &Path, bucket: &BucketName) -> Ended {
        let checked = DiskStore::check(folder).map_err(refused)?;
        output::print(&checked.to_string())?;
        if let Some(file) = &self.salvage {
            let salvaged = salvage(folder, bucket, file)?;
            output::print(&salvaged.to_string())?;
        }
        Ok(if checked.is_whole() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// The folder of a disk store.
fn folder(store: &StoreArguments) -> Result<PathBuf, Failed> {
    let disk = keywell::provider(store.store.scheme()).filter(|kind| kind.name() == "disk");
    let Some(disk) = disk else {
        let url = &store.store;
        let problem = format!("cannot check {url}: only stores on disk, disk:PATH, are checked");
        return Err(Failed::Usage(problem));
    };
    let problem = disk.check(&store.store).err();
    match (problem, disk.folder(&store.store)) {
        (None, Some(folder)) => Ok(folder),
        (Some(error), _) => Err(Failed::Usage(error.to_string())),
        (None, None) => Err(Failed::Usage("the store has no folder".to_owned())),
    }
}

fn salvage(folder: &Path, bucket: &BucketName, file: &Path) -> Result<Salvaged, Failed> {
    let cannot = |error| Failed::because(&format!("cannot write {}", file.display()), error);
    let draft = Draft::begin(file).map_err(cannot)?;
    let mut out = BufWriter::new(draft.file());
    let read = SystemTime::now();
    let mut written = Ok(());
    let salvaged = DiskStore::salvage(folder, bucket, |key, entry| {
        if written.is_ok() {
            let line = Line::new(key, &entry.value).with_expiry(entry.expires, read);
            let json = serde_json::to_writer(&mut out, &line).map_err(io::Error::from);
            written = json.and_then(|()| out.write_all(b"\n"));
        }
    });
    let salvaged = salvaged.map_err(refused)?;
    written.and_then(|()| out.flush()).map_err(cannot)?;
    drop(out);
    draft.keep().map_err(cannot)?;
    Ok(salvaged)
}

fn refused(error: OpenError) -> Failed {
    Error::from(error).into()
}
