//! In the place of `registries.rs` in a build without the feature `images`.

use std::fmt;
use std::path::{Path, PathBuf};

use super::ImageArguments;
use crate::cli::failed::Failed;

/// The name of an image, of which this build has none.
pub(in crate::cli) enum ImageReference {}

/// A component that was downloaded.
pub(in crate::cli) struct Pulled {
    pub(in crate::cli) file: PathBuf,
}

// === impl ImageArguments ===

impl ImageArguments {
    pub(in crate::cli) async fn pull_one(
        &self,
        _folder: Option<&Path>,
        reference: &str,
    ) -> Result<Pulled, Failed> {
        parsed(reference).map(|reference| match reference {})
    }

    pub(super) async fn find_one(
        &self,
        _folder: Option<&Path>,
        reference: &str,
    ) -> Result<Option<Pulled>, Failed> {
        parsed(reference).map(|reference| match reference {})
    }
}

// === impl ImageReference ===

impl ImageReference {
    /// Whether a text looks like a reference: it begins with a registry.
    pub(in crate::cli) fn is_meant_by(text: &str) -> bool {
        text.split_once('/')
            .is_some_and(|(registry, _)| registry.contains(['.', ':']) || registry == "localhost")
    }

    pub(in crate::cli) fn name(&self) -> &str {
        match *self {}
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

/// Refuses every reference.
pub(in crate::cli) fn parsed(reference: &str) -> Result<ImageReference, Failed> {
    Err(Failed::Usage(format!(
        "cannot use the image {reference}: this build has no images; build it with the feature `images`"
    )))
}
