use std::path::{Path, PathBuf};

use crate::Place;

/// A folder of the machine that a component has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirPlan {
    /// The folder.
    pub host: PathBuf,
    /// What the component calls it.
    pub guest: String,
    /// Whether the component may only read.
    pub is_read_only: bool,
    /// Where that is written.
    pub place: Place,
}

// === impl DirPlan ===

impl DirPlan {
    /// What follows a path that is only read.
    pub(crate) const READ_ONLY: &str = ":ro";

    /// Reads `FOLDER` or `FOLDER:ro`, where a relative path starts at `base`.
    pub fn read(guest: &str, host: &str, base: &Path, place: Place) -> Self {
        let read_only = host.strip_suffix(Self::READ_ONLY);
        Self {
            host: base.join(read_only.unwrap_or(host)),
            guest: guest.to_owned(),
            is_read_only: read_only.is_some(),
            place,
        }
    }
}
