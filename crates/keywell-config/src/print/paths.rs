use std::path::{Path, PathBuf};

use crate::{Plan, quoted};

/// Writes paths so that they start at the folder of the plan's file.
pub(super) struct Paths {
    folder: PathBuf,
    /// Whether there is a file whose folder has a name.
    is_elsewhere: bool,
}

// === impl Paths ===

impl Paths {
    pub(super) fn of(plan: &Plan) -> Self {
        let file = plan.file.as_deref();
        let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
        Self {
            folder: folder.to_owned(),
            is_elsewhere: !folder.as_os_str().is_empty(),
        }
    }

    /// The folder, if it is not the current one.
    pub(super) fn folder(&self) -> Option<String> {
        let folder = self.folder.display().to_string();
        self.is_elsewhere.then(|| quoted::text(&folder))
    }

    /// A path in quotes.
    pub(super) fn text(&self, path: &Path) -> String {
        let whole;
        let path = match path.strip_prefix(&self.folder) {
            Ok(inner) => inner,
            // Beside the folder it starts at the current one.
            Err(_) if self.is_elsewhere && path.is_relative() => {
                whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
                &whole
            }
            Err(_) => path,
        };
        quoted::text(&path.to_string_lossy())
    }
}
