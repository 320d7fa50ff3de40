use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;

use clap::Args;

use super::cache::CacheFolder;
use super::draft::Draft;
use super::images::ImageArguments;
use super::{output, signal};
use crate::cli::failed::{Ended, Failed};

/// Download the component of an image, and print the digest of the image.
///
/// It is kept with the compiled components, by its digest, and not downloaded again.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    keywell pull ghcr.io/acme/counter:1.0\n  \
    keywell pull localhost:5000/counter -o counter.wasm")]
pub(super) struct Pull {
    /// The image, such as ghcr.io/NAME:TAG or ghcr.io/NAME@sha256:DIGEST.
    #[arg(value_name = "REFERENCE")]
    reference: String,

    /// A file to write the component to, too. It is put in place once it is whole.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    images: ImageArguments,

    #[command(flatten)]
    cache: CacheFolder,
}

// === impl Pull ===

impl Pull {
    pub(super) async fn main(self) -> Ended {
        let stop = pin!(signal::stop()?);
        let folder = self.cache.images();
        let pull = self.images.pull_one(folder.as_deref(), &self.reference);
        let pulled = signal::unless(stop, pull).await?;
        let pulled = pulled.ok_or_else(|| Failed::Failure("interrupted".to_owned()))?;
        if let Some(output) = &self.output {
            copy(&pulled.file, output).map_err(|error| {
                let output = output.display();
                Failed::Failure(format!("cannot write {output}: {error}"))
            })?;
        }
        output::print(&pulled.digest.to_string())?;
        Ok(ExitCode::SUCCESS)
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let draft = Draft::begin(to)?;
    draft.file().write_all(&fs::read(from)?)?;
    draft.keep()
}
