use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use keywell_runtime::Runtime;

use super::cache::CacheFolder;
use super::images::ImageArguments;
use super::output;
use super::written::Written;
use crate::cli::failed::{Ended, Failed};

/// Compile components ahead, so that `serve`, `run`, `invoke` and `up` start without compiling.
///
/// What is compiled is kept in the folder of --cache, for this version of Keywell and this kind of
/// machine: in a build of an image or in CI, name one that the image has, and the same one where it
/// runs. The folder has to belong to the user that runs Keywell, and no other may write to it.
#[derive(Args)]
#[command(after_help = "Example:\n  \
    keywell compile counter.wasm --cache /var/cache/keywell\n  \
    KEYWELL_CACHE=/var/cache/keywell keywell serve counter.wasm")]
pub(super) struct Compile {
    /// The components: files, or images such as ghcr.io/NAME:TAG.
    #[arg(value_name = "COMPONENT", required = true)]
    components: Vec<PathBuf>,

    #[command(flatten)]
    images: ImageArguments,

    #[command(flatten)]
    cache: CacheFolder,
}

// === impl Compile ===

impl Compile {
    pub(super) async fn main(self) -> Ended {
        let Some(folder) = self.cache.folder() else {
            return Err(Failed::Usage(
                "there is no folder to keep compiled components in; name one with --cache".into(),
            ));
        };
        let runtime = Runtime::new(&self.cache.alone())?;
        for component in &self.components {
            let (name, file) = match Written::read(component)? {
                Written::File(file) => (file.clone(), file),
                Written::Image(reference) => {
                    let name = reference.to_string();
                    let images = self.cache.images();
                    let pulled = self.images.pull_one(images.as_deref(), &name).await?;
                    (name.into(), pulled.file)
                }
            };
            if runtime.is_kept(&name, &file)? {
                output::say(&format!("{} is compiled already", name.display()));
                continue;
            }
            runtime.load_as(&name, &file)?;
            // That it cannot be kept is only a warning elsewhere.
            if !runtime.is_kept(&name, &file)? {
                return Err(Failed::Failure(format!(
                    "cannot keep the compiled {} in {}",
                    name.display(),
                    folder.display()
                )));
            }
            output::say(&format!("compiled {}", name.display()));
        }
        Ok(ExitCode::SUCCESS)
    }
}
