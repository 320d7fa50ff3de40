use std::path::{Path, PathBuf};

use crate::wadm::manifest::Manifest;
use crate::{Located, Place};

/// A manifest, and where it was read from.
#[derive(Debug)]
pub(crate) struct Application {
    pub(crate) manifest: Manifest,
    pub(crate) file: PathBuf,
    /// The number of the file in the plan.
    pub(crate) number: u16,
}

// === impl Application ===

impl Application {
    pub(super) fn name(&self) -> &str {
        &self.manifest.name.value
    }

    /// A place of the manifest as one of the plan.
    pub(super) fn place(&self, place: Place) -> Place {
        Place {
            file: self.number,
            ..place
        }
    }

    /// A value of the manifest as one of the plan.
    pub(super) fn located<T: Clone>(&self, value: &Located<T>) -> Located<T> {
        Located {
            value: value.value.clone(),
            place: self.place(value.place),
        }
    }

    /// A path of the manifest, which starts at its folder.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        let path = path.strip_prefix("file://").unwrap_or(path);
        let path = Path::new(path);
        // The leading dot is that of the manifest's folder.
        let path = path.strip_prefix(".").unwrap_or(path);
        self.file.parent().unwrap_or(Path::new("")).join(path)
    }
}
