use std::io::{self, IsTerminal as _};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use keywell_image::{ImageOptions, Images};

pub(in crate::cli) use keywell_image::{ImageReference, Pulled};

use super::ImageArguments;
use crate::cli::failed::Failed;

// === impl ImageArguments ===

impl ImageArguments {
    pub(in crate::cli) fn options(&self) -> ImageOptions {
        ImageOptions {
            insecure: self.insecure_registry.clone(),
            patience: self.registry_timeout,
        }
    }

    /// Resolves an image, and downloads it if it is not kept yet.
    pub(in crate::cli) async fn pull_one(
        &self,
        folder: Option<&Path>,
        reference: &str,
    ) -> Result<Pulled, Failed> {
        let parsed = parsed(reference)?;
        let progress = progress(reference);
        let images = self.images(folder)?;
        let arrived = |done, of| {
            progress.set_length(of);
            progress.set_position(done);
        };
        let pulled = images.pull(&parsed, &arrived).await;
        pulled.map_err(|error| Failed::Failure(error.to_string()))
    }

    /// Finds an image among those that were downloaded.
    pub(super) async fn find_one(
        &self,
        folder: Option<&Path>,
        reference: &str,
    ) -> Result<Option<Pulled>, Failed> {
        let parsed = parsed(reference)?;
        let kept = self.images(folder)?.kept(&parsed).await;
        kept.map_err(|error| Failed::Failure(error.to_string()))
    }

    fn images(&self, folder: Option<&Path>) -> Result<Images, Failed> {
        let folder = folder.ok_or_else(|| {
            let problem = "there is no folder to keep images in; give one by --cache FOLDER";
            Failed::Failure(problem.to_owned())
        })?;
        Images::open(folder, self.options()).map_err(|error| {
            let folder = folder.display();
            Failed::Failure(format!("cannot keep images in {folder}: {error}"))
        })
    }
}

/// Reads a reference.
pub(in crate::cli) fn parsed(reference: &str) -> Result<ImageReference, Failed> {
    let parsed = reference.parse::<ImageReference>();
    parsed.map_err(|error| Failed::Usage(error.to_string()))
}

/// Shown on standard error if that is a terminal; it clears itself.
fn progress(reference: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{spinner} {msg} {bytes} of {total_bytes}")
        .expect("the template is well-formed");
    let message = keywell_store::terminal::escape(reference).into_owned();
    bar.with_style(style)
        .with_message(message)
        .with_finish(ProgressFinish::AndClear)
}
