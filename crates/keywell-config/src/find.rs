use std::path::{Path, PathBuf};

/// What an application is read from where no file is named, the first that is there.
pub const FILES: &[&str] = &[
    "keywell.toml",
    "spin.toml",
    "workload.yaml",
    "workload.yml",
    "workloaddeployment.yaml",
    "wadm.yaml",
    "wadm.yml",
];

/// Those of [`FILES`] that are in a folder. The first is the application.
pub fn find(folder: &Path) -> Vec<PathBuf> {
    let files = FILES.iter().map(|file| folder.join(file));
    files.filter(|file| file.is_file()).collect()
}
