use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// What measured, and what was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) processor: String,
    pub(crate) system: String,
    /// Keywell's last commit, with `+` where the tree differs from it; empty outside of git.
    pub(crate) commit: String,
    /// Crates and their versions, from the lock file.
    pub(crate) versions: Vec<(String, String)>,
}

/// The crates whose versions are recorded with the figures.
const CRATES: [&str; 7] = [
    "wasmtime",
    "wasmtime-wasi-keyvalue",
    "redb",
    "hyper",
    "tokio",
    "redis",
    "async-nats",
];

// === impl Machine ===

impl Machine {
    /// This one.
    pub(crate) fn here(root: &Path) -> Self {
        let lock = std::fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
        let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let system = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: processor(&processors),
            system: format!("{} {}", std::env::consts::OS, system.trim())
                .trim_end()
                .to_owned(),
            commit: commit(root).unwrap_or_default(),
            versions: versions(&lock),
        }
    }

    /// In a sentence.
    pub(crate) fn text(&self) -> String {
        let versions: Vec<String> = self
            .versions
            .iter()
            .map(|(name, version)| format!("{name} {version}"))
            .collect();
        format!(
            "{} cores ({}), {}; {}",
            self.cores,
            self.processor,
            self.system,
            versions.join(", ")
        )
    }
}

fn processor(processors: &str) -> String {
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map(|model| model.trim_start_matches([' ', '\t', ':']));
    model.unwrap_or(std::env::consts::ARCH).to_owned()
}

fn commit(root: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .current_dir(root)
            .args(arguments)
            .output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    let clean = git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Some(if clean { commit } else { commit + "+" })
}

fn versions(lock: &str) -> Vec<(String, String)> {
    let quoted = |line: &str, field: &str| {
        let value = line.strip_prefix(field)?.strip_prefix(" = \"")?;
        Some(value.strip_suffix('"')?.to_owned())
    };
    let lines: Vec<&str> = lock.lines().collect();
    let packages = lines.windows(2).filter_map(|pair| {
        let name = quoted(pair[0], "name")?;
        Some((name, quoted(pair[1], "version")?))
    });
    packages
        .filter(|(name, _)| CRATES.contains(&&**name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_the_lock_file() {
        let lock = "[[package]]\nname = \"redb\"\nversion = \"4.4.0\"\n\n[[package]]\nname = \"redbud\"\nversion = \"1.0.0\"\n";
        assert_eq!(versions(lock), [("redb".to_owned(), "4.4.0".to_owned())]);
    }

    #[test]
    fn the_processor_is_the_first_of_its_kind() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: Other\n";
        assert_eq!(processor(text), "Some CPU @ 2 GHz");
        assert_eq!(processor(""), std::env::consts::ARCH);
    }
}
