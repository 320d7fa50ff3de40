use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Which files are watched.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Sources {
    /// Single ones, whether or not they are there.
    pub(in crate::cli) files: BTreeSet<PathBuf>,
    /// All of a folder.
    pub(in crate::cli) tree: Option<Tree>,
}

/// The sources in a folder: not hidden files and folders, nor what Cargo and Node have built or
/// downloaded.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Tree {
    pub(in crate::cli) root: PathBuf,
    /// Files and folders that are no sources, either.
    pub(in crate::cli) ignored: BTreeSet<PathBuf>,
}

/// The files that there may be, and the folders in which they come and go.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) files: BTreeSet<PathBuf>,
    pub(super) folders: BTreeSet<PathBuf>,
}

// === impl Sources ===

impl Sources {
    pub(super) fn find(&self) -> Found {
        let mut found = Found::default();
        for file in &self.files {
            found.folders.extend(folder(file));
            // Where a link leads.
            let real = file.canonicalize().ok();
            found.folders.extend(real.as_deref().and_then(folder));
            found.files.insert(file.clone());
        }
        if let Some(tree) = &self.tree {
            tree.find(&tree.root, &mut found);
        }
        found
    }
}

/// The folder that a file is in, or the nearest above that is there.
fn folder(file: &Path) -> Option<PathBuf> {
    let above = file.ancestors().skip(1).map(|folder| match folder {
        folder if folder.as_os_str().is_empty() => Path::new("."),
        folder => folder,
    });
    let mut there = above.filter(|folder| folder.is_dir());
    there.next().map(Path::to_owned)
}

// === impl Tree ===

impl Tree {
    /// Folders of tools, whatever is in them.
    const TOOLS: [&str; 2] = ["target", "node_modules"];

    fn find(&self, folder: &Path, found: &mut Found) {
        found.folders.insert(folder.to_owned());
        // One that is gone, or that may not be read, has no sources.
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries {
            let (path, name) = (entry.path(), entry.file_name());
            let is_hidden = name.as_encoded_bytes().starts_with(b".");
            if is_hidden || self.ignored.contains(&path) {
                continue;
            }
            // Links are not followed, which may lead in circles.
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => {
                    if !Self::TOOLS.iter().any(|tool| name == *tool) {
                        self.find(&path, found);
                    }
                }
                Ok(_) => drop(found.files.insert(path)),
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_the_sources_and_nothing_that_was_built() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for file in [
            "src/lib.rs",
            "wit/deps/x.wit",
            "Cargo.toml",
            "target/debug/x",
            ".git/HEAD",
            ".hidden",
            "data/keywell.redb",
        ] {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let sources = Sources {
            files: [root.join("target/wasm32-wasip2/x.wasm")].into(),
            tree: Some(Tree {
                root: root.to_owned(),
                ignored: [root.join("data")].into(),
            }),
        };
        let found = sources.find();
        let files = [
            "Cargo.toml",
            "src/lib.rs",
            "target/wasm32-wasip2/x.wasm",
            "wit/deps/x.wit",
        ];
        assert_eq!(found.files, files.map(|file| root.join(file)).into());
        let folders = ["", "src", "target", "wit", "wit/deps"];
        assert_eq!(found.folders, folders.map(|file| root.join(file)).into());
    }
}
